"""The table of D7: eight pushes a calendar month of Shanghai."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone

from .conftest import START, QuotaWorld, a_push

SHANGHAI = timezone(timedelta(hours=8))


async def _granted(quota: QuotaWorld, *pushes: dict[str, object]) -> list[bool]:
    return [bool(answer["granted"]) for answer in await quota.ask(*pushes)]


async def test_the_ninth_push_of_a_month_is_refused_until_the_first(quota: QuotaWorld) -> None:
    answers = await quota.ask(*(a_push(f"push{n}", START) for n in range(9)))

    assert [bool(a["granted"]) for a in answers] == [True] * 8 + [False]
    assert answers[8]["denied"]["resets"] == {"on": "time", "at": "2024-02-29T16:00:00.000Z"}


async def test_a_cancelled_push_makes_room(quota: QuotaWorld) -> None:
    answers = await quota.ask(*(a_push(f"push{n}", START) for n in range(8)))
    await quota.settle("release", answers[3]["granted"]["reservation_id"])

    assert await _granted(quota, a_push("ninth", START), a_push("tenth", START)) == [True, False]


async def test_a_committed_push_is_never_given_back(quota: QuotaWorld) -> None:
    answers = await quota.ask(*(a_push(f"push{n}", START) for n in range(8)))
    first = answers[0]["granted"]["reservation_id"]
    await quota.settle("commit", first)

    assert await quota.settle("release", first) == 0
    assert await _granted(quota, a_push("ninth", START)) == [False]


async def test_fifty_requests_at_once_hold_exactly_eight(quota: QuotaWorld) -> None:
    answers = await asyncio.gather(*(quota.ask(a_push(f"push{n}", START)) for n in range(50)))

    assert sum(1 for (a,) in answers if a["granted"]) == 8
    assert await quota.bucket("push.monthly") == (0, 8)


async def test_the_last_second_of_february_counts_to_february(quota: QuotaWorld) -> None:
    await quota.ask(a_push("edge", datetime(2024, 2, 29, 23, 59, 59, tzinfo=SHANGHAI)))

    assert await quota.world.sql("SELECT slot FROM quota.bucket") == [("2024-02",)]


async def test_midnight_of_march_counts_to_march(quota: QuotaWorld) -> None:
    await quota.ask(a_push("edge", datetime(2024, 2, 29, 16, 0, tzinfo=UTC)))

    assert await quota.world.sql("SELECT slot FROM quota.bucket") == [("2024-03",)]


async def test_a_new_month_begins_with_the_business_clock(quota: QuotaWorld) -> None:
    await quota.ask(*(a_push(f"push{n}") for n in range(8)))
    assert await _granted(quota, a_push("ninth")) == [False]

    await quota.world.advance(timedelta(days=31))

    assert await _granted(quota, a_push("tenth")) == [True]


async def test_a_smaller_policy_never_invalidates_what_is_reserved(quota: QuotaWorld) -> None:
    answers = await quota.ask(*(a_push(f"push{n}", START) for n in range(5)))
    await quota.policy(push__monthly_limit=3)

    assert await _granted(quota, a_push("sixth", START)) == [False]
    assert await quota.settle("commit", answers[4]["granted"]["reservation_id"]) == 1
