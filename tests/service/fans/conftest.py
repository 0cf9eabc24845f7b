"""The fan service alone, with one account that it has heard of."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import orjson
import pytest

from shared import ids
from shared.contracts.envelope import Envelope, Event, Origin
from shared.contracts.events.douyin import FanFollowed
from shared.contracts.events.open_platform import PolicyChanged
from tests.support.world import World

ORG, ACC, FAN = "org_1", "acc_1", "fan-open-id-0001"
STRANGER = "org_2"
START = datetime(2025, 1, 1, tzinfo=UTC)
PATH = f"/v1/accounts/{ACC}/fans"


def at(hour: int) -> datetime:
    """Some hours after the tests' first morning."""
    return START + timedelta(hours=hour)


def heard(
    event: Event, *, organization: str = ORG, account: str = ACC, cause: str = "evt_1"
) -> Envelope:
    """The event in an envelope, as its sender would wrap it."""
    origin = Origin(organization, account, cause, ids.trace_parent())
    return Envelope.of(event, origin, subject=FAN, seq=0, at=START)


def a_follow(hour: int, fan: str = FAN, **changed: str) -> Envelope:
    """The fan followed at that hour."""
    return heard(FanFollowed(open_id=fan, followed_at=at(hour)), **changed)


@dataclass
class FansWorld:
    """Short words for what these tests do."""

    world: World

    async def hear(self, *envelopes: Envelope) -> None:
        """Deliver events to the service."""
        await self.world.deliver("fans", *envelopes)

    async def ask(
        self, verb: str, path: str, body: Any = None, *, by: str = ORG
    ) -> httpx2.Response:
        """One request of an organization."""
        headers = self.world.caller(by) | ({"If-Match": "*"} if verb == "PUT" else {})
        return await self.world.http.request(verb, path, json=body, headers=headers)

    async def ok(self, verb: str, path: str, body: Any = None) -> dict[str, Any]:
        """The body of an answer that must be a success."""
        answer = await self.ask(verb, path, body)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def fan(self, open_id: str = FAN) -> dict[str, Any]:
        """The one fan of that open_id."""
        (found,) = (await self.ok("GET", f"{PATH}?open_id={open_id}"))["data"]
        assert isinstance(found, dict)
        return found

    async def bring(self, *fans: dict[str, Any]) -> list[str]:
        """Import fans; what became of each."""
        done = await self.ok("POST", PATH, {"fans": list(fans)})
        return [one["result"] for one in done["results"]]

    async def told(self) -> list[dict[str, Any]]:
        """Follow changes told so far, oldest first; each counts once, however many hear it."""
        rows = await self.world.sql(
            "SELECT DISTINCT created_at, id, envelope FROM fans.outbox ORDER BY created_at, id"
        )
        return [orjson.loads(bytes(row["envelope"])) for row in rows]


@pytest.fixture
async def fans(worlds: Callable[..., Any]) -> AsyncIterator[FansWorld]:
    """The fan service, having heard of one account of each of two organizations."""
    async with worlds("fans") as world:
        made = FansWorld(world)
        policy = PolicyChanged(profile="seed_2021", policy_version=1, values={})
        await made.hear(heard(policy), heard(policy, organization=STRANGER, account="acc_2"))
        yield made
