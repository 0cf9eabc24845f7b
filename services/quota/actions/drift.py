"""Do the counters agree with the ledger? A walk through all of them, a stretch at a time."""

import structlog

from services.quota import store
from services.quota.actions.deps import Deps
from services.quota.domain import BucketKey
from shared.db import ALL_TENANTS
from shared.observability import metrics

log = structlog.get_logger()

_START = BucketKey("", "", "", "", "")
_STRETCH = 50_000  # buckets: half a second of PostgreSQL


class DriftCheck:
    """Where the walk is. Behind the last bucket it begins again; a new process begins anew."""

    def __init__(self, deps: Deps, stretch: int = _STRETCH) -> None:
        self._deps, self._stretch = deps, stretch
        self._after = _START
        self._found = self._found_before = 0  # in this walk, in the one before

    async def run(self) -> int:
        """Compare the next stretch; how many counters are known to differ."""
        async with self._deps.database.transaction(ALL_TENANTS, seconds=15) as tx:
            checked = await store.drift(tx, self._after, self._stretch)
        self._after = checked.last
        self._found += checked.differing
        known = max(self._found, self._found_before)
        if checked.buckets < self._stretch:
            self._after, self._found_before, self._found = _START, self._found, 0
        metrics.ledger_drift.set(known)
        if checked.differing:
            log.error("quota_drift", buckets=checked.differing)
        return known
