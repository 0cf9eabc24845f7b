"""Whose owner must be asked, over the whole matrix: as the connector told it last."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from shared import ids
from shared.contracts.envelope import Envelope, Event, Origin
from shared.contracts.events.douyin import AccountAuthorised, AccountRevoked, AuthorisationNeeded
from tests.service.open_platform.conftest import PlatformWorld

AT = datetime(2025, 1, 1, tzinfo=UTC)
KEY = {"client_key": "awtest0123456789", "open_id": "biz-open-id-0001"}
PATH = "/v1/authorisations"


def envelope(platform: PlatformWorld, event: Event, seq: int, account: str = "acc_1") -> Envelope:
    origin = Origin(platform.organization, account, ids.new("chg"), ids.trace_parent())
    return Envelope.of(event, origin, subject=account, seq=seq, at=AT + timedelta(hours=seq))


def authorised() -> Event:
    return AccountAuthorised(**KEY, scopes=["user_info"], usable_until=AT + timedelta(days=30))


def needed(reason: str = "renewals_used_up") -> Event:
    return AuthorisationNeeded(**KEY, reason=reason, usable_until=AT + timedelta(days=15))


def revoked() -> Event:
    return AccountRevoked(**KEY, reason="withdrawn", revoked_at=AT)


async def listed(platform: PlatformWorld, query: str = "", **by: str) -> list[dict[str, Any]]:
    answer = await platform.ask("GET", PATH + query, by=by.get("by"))
    assert answer.status_code == 200, answer.text
    data: list[dict[str, Any]] = answer.json()["data"]
    return data


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_the_newest_fact_holds_in_whatever_order_they_come(
    platform: PlatformWorld, order: tuple[int, ...]
) -> None:
    facts = [
        envelope(platform, authorised(), 1),
        envelope(platform, needed(), 2),
        envelope(platform, authorised(), 3),
    ]
    for number in order:
        await platform.world.deliver("open_platform", facts[number], facts[number])
    (one,) = await listed(platform)
    assert one == {
        "account_id": "acc_1",
        "state": "authorised",
        "reason": None,
        "usable_until": "2025-01-31T00:00:00.000Z",
        "changed_at": "2025-01-01T03:00:00.000Z",
    }


async def test_an_owner_who_is_needed_is_listed_with_reason_and_last_day(
    platform: PlatformWorld,
) -> None:
    facts = [
        envelope(platform, authorised(), 1, "acc_1"),
        envelope(platform, needed(), 1, "acc_2"),
        envelope(platform, revoked(), 1, "acc_3"),
    ]
    await platform.world.deliver("open_platform", *facts)
    found = [
        (a["account_id"], a["reason"], a["usable_until"])
        for a in await listed(platform, "?state=needed")
    ]
    assert found == [
        ("acc_2", "renewals_used_up", "2025-01-16T00:00:00.000Z"),
        ("acc_3", "withdrawn", "2025-01-01T00:00:00.000Z"),
    ]
    assert [a["account_id"] for a in await listed(platform, "?state=authorised")] == ["acc_1"]


async def test_pages_show_every_account_once(platform: PlatformWorld) -> None:
    facts = [envelope(platform, needed(), 1, f"acc_{n}") for n in range(5)]
    await platform.world.deliver("open_platform", *facts)
    seen, query = [], "?limit=2"
    while query:
        answer = (await platform.ask("GET", PATH + query)).json()
        seen += [one["account_id"] for one in answer["data"]]
        query = f"?limit=2&cursor={answer['next_cursor']}" if answer["next_cursor"] else ""
    assert seen == [f"acc_{n}" for n in range(5)]
    cursor = (await platform.ask("GET", f"{PATH}?limit=2")).json()["next_cursor"]
    other = await platform.ask("GET", f"{PATH}?limit=2&state=needed&cursor={cursor}")
    assert other.status_code == 400, "a cursor of another list"


async def test_another_organization_sees_none_of_it(platform: PlatformWorld) -> None:
    await platform.world.deliver("open_platform", envelope(platform, needed(), 1))
    assert await listed(platform, by=platform.stranger) == []
    assert (await platform.ask("GET", f"{PATH}?state=gone")).status_code == 422
