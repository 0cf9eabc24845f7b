"""Webhooks to organizations, with a courier that is turned by hand and machines that receive."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from services.open_platform.actions import accounts
from services.open_platform.actions.delivering import Courier
from services.open_platform.service import deps_of
from shared.contracts.envelope import Envelope, Event, Origin
from shared.contracts.events.direct_messages import RulePaused
from tests.service.open_platform.conftest import PlatformWorld
from tests.support.receiving import Receiver, receiving

PAUSED = RulePaused(
    rule_id="rule_1", rule_version=3, reason="content_refused", code=28001007, log_id="log_1"
)
TYPES = ["dm.rule_paused", "dm.lead_captured", "account.authorisation_needed"]
AT = datetime(2026, 1, 31, 9, 0, 0, 123456, tzinfo=UTC)


@dataclass
class Hooks(PlatformWorld):
    """The open platform, its courier turned by hand, and machines that receive."""

    courier: Courier
    stack: AsyncExitStack

    async def receiver(self) -> Receiver:
        """One more machine."""
        return await self.stack.enter_async_context(receiving())

    async def endpoint(self, receiver: Receiver, **changed: Any) -> dict[str, Any]:
        """An endpoint there, with its secret."""
        body = {"url": f"{receiver.url}/siyu", "event_types": TYPES, **changed}
        return await self.ok("POST", "/v1/webhook-endpoints", body)

    async def happens(self, event: Event = PAUSED, *, to: str | None = None) -> Envelope:
        """The event, told to the organization's endpoints."""
        origin = Origin(to or self.organization, "acc_1", "evt_cause", "")
        envelope = Envelope.of(event, origin, subject="x", seq=1, at=AT)
        await self.world.deliver("open_platform", envelope)
        return envelope

    async def turn(self) -> int:
        """Try everything that is due; how many."""
        claimed = await self.courier.claim()
        await asyncio.gather(*(self.courier.deliver(each) for each in claimed))
        return len(claimed)

    async def later(self) -> None:
        """Let everything that waits be due."""
        await self.world.sql(
            "UPDATE open_platform.webhook_delivery SET next_try_at = now() WHERE state = 'pending'"
        )

    async def turn_until_it_ends(self) -> int:
        """Try until nothing waits any more; how many tries that took."""
        tries = 0
        while tried := await self.turn():
            tries += tried
            await self.later()
        return tries

    async def log(self, **which: str) -> list[dict[str, Any]]:
        """Deliveries, the newest first."""
        asked = "&".join(f"{name}={value}" for name, value in which.items())
        found: list[dict[str, Any]] = (await self.ok("GET", f"/v1/webhook-deliveries?{asked}"))[
            "data"
        ]
        return found

    async def the_delivery(self) -> dict[str, Any]:
        """The only one, in full."""
        (found,) = await self.log()
        return await self.ok("GET", f"/v1/webhook-deliveries/{found['id']}")


@asynccontextmanager
async def some_hooks(worlds: Callable[..., Any]) -> AsyncIterator[Hooks]:
    """The open platform, whose webhooks may go to this machine."""
    async with (
        AsyncExitStack() as stack,
        worlds("open_platform", webhook_private_networks=True) as world,
        world.parts[0].worker.running(),
    ):
        deps = deps_of(world.resources)
        mine = await accounts.create_organization(deps, "青禾服饰有限公司")
        other = await accounts.create_organization(deps, "别家公司")
        courier = world.parts[0].worker.background[0].__self__
        yield Hooks(world, deps, mine.id, other.id, courier, stack)
