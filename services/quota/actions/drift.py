"""Do the counters agree with the ledger? A walk through all of them, a stretch at a time."""

import structlog

from services.quota import store
from services.quota.actions.deps import Deps
from services.quota.domain import BucketKey
from shared.db import ALL_TENANTS
from shared.observability import metrics

log = structlog.get_logger()

_START = BucketKey("", "", "", "", "")
_STRETCH = 10_000  # buckets: a tenth of a second of PostgreSQL, or seconds if it has to read them
_STRETCHES = 5  # in the 20 seconds of a tick


class DriftCheck:
    """Where the walk is. Behind the last bucket it begins again; a new process begins anew."""

    def __init__(self, deps: Deps, *, stretch: int = _STRETCH, stretches: int = _STRETCHES) -> None:
        self._deps, self._stretch, self._stretches = deps, stretch, stretches
        self._after = _START
        self._found = self._found_before = 0  # in this walk, in the one before

    async def run(self) -> int:
        """Compare the next stretches, to the end at most; how many counters are known to differ."""
        known = 0
        for _ in range(self._stretches):
            checked = await self._walk_on()
            known = max(self._found, self._found_before)
            metrics.ledger_drift.set(known)
            if checked.buckets < self._stretch:
                self._after, self._found_before, self._found = _START, self._found, 0
                break
        return known

    async def _walk_on(self) -> store.Checked:
        async with self._deps.database.transaction(ALL_TENANTS) as tx:
            checked = await store.drift(tx, self._after, self._stretch)
        self._after = checked.last
        self._found += checked.differing
        if checked.differing:
            log.error("quota_drift", buckets=checked.differing)
        return checked
