"""One look at the log of updates for all who listen in this process; none while nobody does."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from services.direct_messages import store
from services.direct_messages.store import LogPlace
from shared.db import ALL_TENANTS, Database
from shared.observability import metrics

LOOK_EVERY: Final = 0.5  # seconds
_NOTHING: Final[LogPlace] = (0, 0)


class Bell:
    """Where the logs of those organizations end to which somebody in this process listens."""

    def __init__(self) -> None:
        self._listening: Counter[str] = Counter()
        self._ends: dict[str, LogPlace] = {}
        self._looked_at = 0.0
        self._looking = asyncio.Lock()

    @contextmanager
    def heard_by(self, organization_id: str) -> Iterator[None]:
        """Count a listener for as long as the block lasts."""
        self._listening[organization_id] += 1
        metrics.listeners.inc()
        self._looked_at = 0.0
        try:
            yield
        finally:
            metrics.listeners.dec()
            self._listening[organization_id] -= 1
            if not self._listening[organization_id]:
                del self._listening[organization_id]
                self._ends.pop(organization_id, None)

    async def end_of(self, database: Database, organization_id: str) -> LogPlace:
        """Where the log ends, as of half a second ago: one question for all who listen."""
        async with self._looking:
            if time.monotonic() - self._looked_at >= LOOK_EVERY:
                async with database.transaction(ALL_TENANTS) as tx:
                    self._ends = await store.newest_places(tx, self._listening)
                self._looked_at = time.monotonic()
        return self._ends.get(organization_id, _NOTHING)
