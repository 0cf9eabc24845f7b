"""How everything stands at this moment: asked of PostgreSQL and Redis, and read from the gauges.

Ages and depths are measured by the clock of each service every few seconds; asking for them here again
would be a second truth.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from services.embedded.console.dead_letters import DeadLetters
from shared.contracts.routing import lanes_of
from shared.errors import NeighbourAway
from shared.observability import metrics
from shared.runtime import Resources, Service

_SECONDS = 1.0  # to answer in; who does not is away


@dataclass(frozen=True, slots=True)
class LaneStanding:
    """A lane; None was not measured."""

    lane: str
    entries: int | None
    oldest_seconds: float | None


@dataclass(frozen=True, slots=True)
class ServiceStanding:
    """A service. `dead_letters` None: its database did not answer."""

    name: str
    outbox_rows: int | None
    outbox_oldest_seconds: float | None
    dead_letters: int | None
    lanes: list[LaneStanding]


@dataclass(frozen=True, slots=True)
class Standing:
    """Everything."""

    is_redis_there: bool
    unknown_sends: int | None
    quota_drift: int | None
    loop_lag_seconds: float | None
    services: list[ServiceStanding]


class Watch:
    """Looks at the services of this process."""

    def __init__(
        self, resources: Resources, services: Sequence[Service], letters: DeadLetters
    ) -> None:
        self._streams, self._services, self._letters = resources.streams, services, letters

    async def look(self) -> Standing:
        """How everything stands; whoever is away is said to be, and holds nothing up."""
        services = [await self._service(service.name) for service in self._services]
        return Standing(
            await self._is_redis_there(),
            _count("send_unknown_current"),
            _count("quota_ledger_drift"),
            _gauge("event_loop_lag_seconds"),
            services,
        )

    async def _service(self, name: str) -> ServiceStanding:
        dead_letters = None
        try:
            async with asyncio.timeout(_SECONDS):
                dead_letters = await self._letters.count(name)
        except (NeighbourAway, TimeoutError):
            pass  # said by the None
        return ServiceStanding(
            name,
            _count("outbox_unacknowledged_rows", service=name),
            _gauge("outbox_oldest_seconds", service=name),
            dead_letters,
            [
                LaneStanding(
                    lane,
                    _count("lane_entries", service=name, lane=lane),
                    _gauge("inbox_oldest_unprocessed_seconds", service=name, lane=lane),
                )
                for lane in lanes_of(name)
            ],
        )

    async def _is_redis_there(self) -> bool:
        try:
            async with asyncio.timeout(_SECONDS):
                await self._streams.ping()
        except (NeighbourAway, TimeoutError):
            return False
        return True


def _gauge(name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def _count(name: str, **labels: str) -> int | None:
    value = _gauge(name, **labels)
    return None if value is None else int(value)
