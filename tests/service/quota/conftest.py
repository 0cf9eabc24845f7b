"""The quota service alone, with one account whose policy it has heard."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared import ids
from shared.contracts.envelope import Envelope, Event, Origin
from shared.contracts.events.douyin import AttemptsSettled, Outcome, SettledAttempt
from shared.contracts.events.fans import FollowChanged
from shared.contracts.events.open_platform import PolicyChanged
from tests.support.world import World

ORG, ACC, FAN = "org_1", "acc_1", "fan-open-id-0001"
START = datetime(2024, 2, 10, 4, 0, tzinfo=UTC)
SEED_2021 = {
    "push.monthly_limit": 8,
    "dm.reply.limit": 6,
    "dm.reply.applies_to": "non_followers",
    "dm.reply.window_hours": None,
    "dm.human_reserved": 2,
    "dm.enter.items": 3,
    "dm.enter.window_seconds": 30,
    "dm.enter.events_per_day": 3,
}


@dataclass
class QuotaWorld:
    """Short words for what these tests do."""

    world: World
    policy_version: int = 0
    clock: datetime = START

    async def hear(self, event: Event, *, account: str = ACC, organization: str = ORG) -> None:
        """Deliver an event to quota."""
        origin = Origin(organization, account, "evt_cause", ids.trace_parent())
        await self.world.deliver("quota", Envelope.of(event, origin, subject=FAN, seq=0, at=START))

    async def policy(self, *, account: str = ACC, organization: str = ORG, **changed: Any) -> None:
        """Publish a policy: seed_2021 with changes (dots written as __)."""
        self.policy_version += 1
        values = SEED_2021 | {k.replace("__", "."): v for k, v in changed.items()}
        event = PolicyChanged(
            profile="seed_2021", policy_version=self.policy_version, values=values
        )
        await self.hear(event, account=account, organization=organization)

    async def follow(self, *, follows: bool, at: datetime) -> None:
        """The fan follows, or no longer does."""
        await self.hear(FollowChanged(open_id=FAN, follows=follows, observed_at=at, epoch=1))

    async def ask(self, *requests: dict[str, Any]) -> list[Any]:
        """Reserve in one batch."""
        body = {"requests": list(requests)}
        answer = await self.world.http.post(
            "/internal/quota/reserve", json=body, headers=self.world.internal()
        )
        assert answer.status_code == 200, answer.text
        found: list[Any] = answer.json()["answers"]
        return found

    async def reserve(self, operation: str, **changed: Any) -> dict[str, Any]:
        """Reserve one operation."""
        answer: dict[str, Any]
        (answer,) = await self.ask(a_reply(operation, **changed))
        return answer

    async def settle(self, verb: str, reservation: str, items: list[int] | None = None) -> int:
        """Commit or release."""
        one = {
            "organization_id": ORG,
            "account_id": ACC,
            "reservation_id": reservation,
            "items": items,
        }
        answer = await self.world.http.post(
            f"/internal/quota/{verb}", json={"requests": [one]}, headers=self.world.internal()
        )
        assert answer.status_code == 200, answer.text
        return int(answer.json()["answers"][0]["changed"])

    async def bucket(self, limit: str = "dm.reply") -> tuple[int, int]:
        """(used, held) of the fan's bucket."""
        rows = await self.world.sql(
            "SELECT used, held FROM quota.bucket WHERE limit_key = $1", limit
        )
        return (rows[0][0], rows[0][1]) if rows else (0, 0)

    async def settled(
        self, reservation: str, outcome: Outcome, item: int = 0, **changed: Any
    ) -> None:
        """The connector reports how an item ended."""
        settled = how_it_ended(reservation, outcome, item, **changed)
        await self.hear(AttemptsSettled(attempts=(settled,)))


def how_it_ended(
    reservation: str, outcome: Outcome, item: int = 0, **changed: Any
) -> SettledAttempt:
    """The end of one item of the operation `op`."""
    fields = {
        "operation_id": "op",
        "platform_message_id": None,
        "code": None,
        "log_id": None,
        "reason": None,
        "closes_window": None,
    }
    return SettledAttempt(
        reservation_id=reservation, item=item, outcome=outcome, **(fields | changed)
    )


def a_reply(operation: str, **changed: Any) -> dict[str, Any]:
    """A person's reply to the fan's first message, one item."""
    window = {"opened_by": changed.pop("opened_by", "@msg001=="), "opened_at": START.isoformat()}
    if at := changed.pop("opened_at", None):
        window["opened_at"] = at.isoformat()
    fields = {
        "organization_id": ORG,
        "account_id": ACC,
        "operation_id": operation,
        "purpose": "dm.reply",
        "subject": FAN,
        "items": 1,
        "actor": "person",
        "window": window,
        "planned_at": None,
    }
    return fields | changed


def a_push(operation: str, planned_at: datetime | None = None, **changed: Any) -> dict[str, Any]:
    """A push planned at that time."""
    planned = planned_at.isoformat() if planned_at else None
    fixed = {"purpose": "push.monthly", "subject": ACC, "window": None, "planned_at": planned}
    return a_reply(operation) | fixed | changed


@pytest.fixture
async def quota(worlds: Callable[..., Any]) -> AsyncIterator[QuotaWorld]:
    """Quota with the default policy, on 10 February 2024, noon in Shanghai."""
    async with worlds("quota") as world:
        await world.set_clock(START + timedelta(seconds=1))
        made = QuotaWorld(world)
        await made.policy()
        yield made
