"""The table of D8: six replies to a fan who does not follow, and what opens a new window."""

import asyncio
from collections import Counter
from datetime import timedelta
from random import Random

from shared.contracts.events.douyin import AttemptSettled, AttemptsSettled, Outcome

from .conftest import START, QuotaWorld, a_reply, how_it_ended


async def test_six_sends_pass_and_the_seventh_is_refused_with_its_reset(quota: QuotaWorld) -> None:
    for n in range(6):
        granted = (await quota.reserve(f"op{n}"))["granted"]
        await quota.settle("commit", granted["reservation_id"])

    denied = (await quota.reserve("op6"))["denied"]

    assert denied == {
        "limit": "dm.reply",
        "reason": "exhausted",
        "cap": 6,
        "used": 6,
        "held": 0,
        "resets": {"on": "fan_message", "at": None},
    }


async def test_a_message_of_the_fan_opens_six_more(quota: QuotaWorld) -> None:
    for n in range(6):
        await quota.reserve(f"op{n}")

    later = START + timedelta(seconds=100)
    answers = [
        await quota.reserve(f"new{n}", opened_by="@msg002==", opened_at=later) for n in range(7)
    ]

    assert [bool(a["granted"]) for a in answers] == [True] * 6 + [False]


async def test_a_reply_to_an_older_message_counts_in_the_newest_window(quota: QuotaWorld) -> None:
    later = START + timedelta(seconds=100)
    for n in range(5):
        await quota.reserve(f"new{n}", opened_by="@msg002==", opened_at=later)

    answers = [await quota.reserve(f"old{n}") for n in range(2)]

    assert [bool(a["granted"]) for a in answers] == [True, False]
    assert await quota.bucket() == (0, 6)


async def test_a_bot_stops_after_four_and_a_person_may_send_two_more(quota: QuotaWorld) -> None:
    bot = [await quota.reserve(f"bot{n}", actor="bot") for n in range(5)]
    person = [await quota.reserve(f"person{n}") for n in range(3)]

    assert [bool(a["granted"]) for a in bot] == [True] * 4 + [False]
    assert [bool(a["granted"]) for a in person] == [True, True, False]


async def test_a_fan_who_follows_has_no_limit_at_once(quota: QuotaWorld) -> None:
    for n in range(6):
        await quota.reserve(f"op{n}")
    await quota.follow(follows=True, at=START + timedelta(seconds=5))

    assert (await quota.reserve("op6"))["granted"]


async def test_unfollowing_after_three_sends_leaves_three(quota: QuotaWorld) -> None:
    await quota.follow(follows=True, at=START + timedelta(seconds=1))
    for n in range(3):
        await quota.reserve(f"op{n}")
    await quota.follow(follows=False, at=START + timedelta(seconds=2))

    answers = [await quota.reserve(f"later{n}") for n in range(4)]

    assert [bool(a["granted"]) for a in answers] == [True] * 3 + [False]


async def test_an_older_observation_of_following_changes_nothing(quota: QuotaWorld) -> None:
    await quota.follow(follows=False, at=START + timedelta(seconds=9))
    await quota.follow(follows=True, at=START + timedelta(seconds=3))
    for n in range(6):
        await quota.reserve(f"op{n}")

    assert (await quota.reserve("op6"))["denied"]


async def test_fifty_at_once_for_the_last_slot_grant_exactly_one(quota: QuotaWorld) -> None:
    for n in range(5):
        await quota.reserve(f"op{n}")

    answers = await asyncio.gather(*(quota.reserve(f"race{n}") for n in range(50)))

    assert sum(1 for a in answers if a["granted"]) == 1
    assert await quota.bucket() == (0, 6)


async def test_batches_that_open_the_same_windows_in_any_order_at_once_grant_six_a_fan(
    quota: QuotaWorld,
) -> None:
    fans = [f"new-fan-{n}" for n in range(20)]
    await quota.ask(*(a_reply(f"{fan}-known", subject=fan) for fan in fans[::3]))  # some are known
    orders = [Random(seed).sample(fans, 15) for seed in range(24)]

    answers = await asyncio.gather(
        *(
            quota.ask(*(a_reply(f"{fan}-{n}", subject=fan) for fan in order))
            for n, order in enumerate(orders)
        )
    )

    rows = await quota.world.sql("SELECT subject, used, held FROM quota.bucket")
    granted = Counter(
        fan
        for order, batch in zip(orders, answers, strict=True)
        for fan, answer in zip(order, batch, strict=True)
        if answer["granted"]
    )
    granted.update(fans[::3])
    assert {row[0]: (row[1], row[2]) for row in rows} == dict.fromkeys(fans, (0, 6))
    assert granted == dict.fromkeys(fans, 6)


async def test_three_items_when_two_are_left_are_refused_whole(quota: QuotaWorld) -> None:
    await quota.reserve("op", items=4)

    denied = (await quota.reserve("three", items=3))["denied"]

    assert (denied["used"], denied["held"]) == (0, 4)
    assert await quota.bucket() == (0, 4)


async def test_a_fan_who_never_wrote_gets_nothing(quota: QuotaWorld) -> None:
    denied = (await quota.reserve("cold", window=None))["denied"]

    assert denied["reason"] == "no_window"


async def test_the_same_operation_asked_twice_holds_once(quota: QuotaWorld) -> None:
    first, second = await quota.ask(a_reply("op"), a_reply("op"))
    third = await quota.reserve("op")

    assert first == second
    assert third["granted"]["reservation_id"] == first["granted"]["reservation_id"]
    assert await quota.bucket() == (0, 1)


async def test_the_same_operation_asked_at_once_by_twenty_holds_once(quota: QuotaWorld) -> None:
    answers = await asyncio.gather(*(quota.reserve("op") for _ in range(20)))

    assert len({a["granted"]["reservation_id"] for a in answers}) == 1
    assert await quota.bucket() == (0, 1)


async def test_one_operation_asked_at_once_for_many_fans_is_held_for_the_first(
    quota: QuotaWorld,
) -> None:
    answers = await asyncio.gather(*(quota.reserve("op", subject=f"fan-{n}") for n in range(6)))

    assert len({a["granted"]["reservation_id"] for a in answers}) == 1
    assert await quota.world.sql("SELECT sum(held) FROM quota.bucket") == [(1,)]


async def test_outcomes_of_the_connector_commit_release_or_keep(quota: QuotaWorld) -> None:
    held = (await quota.reserve("op", items=3))["granted"]["reservation_id"]

    await quota.settled(held, Outcome.SENT, 0)
    await quota.settled(held, Outcome.UNKNOWN, 1)
    await quota.settled(held, Outcome.FAILED, 2)
    await quota.settled(held, Outcome.FAILED, 2)
    assert await quota.bucket() == (1, 1)

    await quota.settled(held, Outcome.SENT, 1)
    assert await quota.bucket() == (2, 0)


async def test_outcomes_that_are_told_together_do_what_each_would(quota: QuotaWorld) -> None:
    held = (await quota.reserve("op", items=3))["granted"]["reservation_id"]
    other = (await quota.reserve("other"))["granted"]["reservation_id"]
    together = AttemptsSettled(
        attempts=(
            how_it_ended(held, Outcome.SENT, 0),
            how_it_ended(other, Outcome.FAILED),
            how_it_ended(held, Outcome.UNKNOWN, 1),
            how_it_ended(held, Outcome.SENT, 2),
            how_it_ended(held, Outcome.FAILED, 2),
        )
    )

    await quota.hear(together)
    await quota.hear(together)

    assert await quota.bucket() == (2, 1)


async def test_an_outcome_that_breaks_the_ledger_holds_up_none_that_were_told_with_it(
    quota: QuotaWorld,
) -> None:
    held = (await quota.reserve("op", items=3))["granted"]["reservation_id"]
    broken = how_it_ended(held, Outcome.SENT, 1, reason="\0")

    await quota.hear(
        AttemptsSettled(
            attempts=(
                how_it_ended(held, Outcome.SENT, 0),
                broken,
                how_it_ended(held, Outcome.FAILED, 2),
            )
        )
    )

    assert await quota.bucket() == (1, 1)


async def test_an_outcome_that_an_outbox_kept_from_the_release_before_counts(
    quota: QuotaWorld,
) -> None:
    held = (await quota.reserve("op"))["granted"]["reservation_id"]
    alone = how_it_ended(held, Outcome.SENT).model_dump(exclude={"cause"})

    await quota.hear(AttemptSettled(**alone))

    assert await quota.bucket() == (1, 0)


async def test_a_late_failure_after_sent_changes_nothing(quota: QuotaWorld) -> None:
    held = (await quota.reserve("op"))["granted"]["reservation_id"]

    await quota.settled(held, Outcome.SENT)
    await quota.settled(held, Outcome.FAILED)

    assert await quota.bucket() == (1, 0)


async def test_the_platforms_refusal_closes_the_window_until_the_fan_writes(
    quota: QuotaWorld,
) -> None:
    held = (await quota.reserve("op"))["granted"]["reservation_id"]
    await quota.settled(held, Outcome.FAILED, code=28003070, closes_window="cap_reached")

    assert (await quota.reserve("next"))["denied"]["reason"] == "closed_by_platform"
    later = START + timedelta(seconds=60)
    assert (await quota.reserve("new", opened_by="@msg002==", opened_at=later))["granted"]


async def test_an_operation_released_whole_may_ask_anew(quota: QuotaWorld) -> None:
    first = (await quota.reserve("op"))["granted"]["reservation_id"]
    assert await quota.settle("release", first) == 1
    assert await quota.settle("release", first) == 0

    second = (await quota.reserve("op"))["granted"]["reservation_id"]

    assert second != first
    assert await quota.bucket() == (0, 1)


async def test_the_2025_profile_expires_the_window_after_a_day(quota: QuotaWorld) -> None:
    await quota.policy(dm__reply__applies_to="everyone", dm__reply__window_hours=24)
    assert (await quota.reserve("op"))["granted"]

    await quota.world.set_clock(START + timedelta(hours=24, seconds=1))

    assert (await quota.reserve("late"))["denied"]["reason"] == "window_expired"


async def test_the_legacy_limit_of_three_is_a_policy_value(quota: QuotaWorld) -> None:
    await quota.policy(dm__reply__limit=3)

    answers = [await quota.reserve(f"op{n}") for n in range(4)]

    assert [bool(a["granted"]) for a in answers] == [True] * 3 + [False]


async def test_entering_has_its_own_budget_of_three_items_in_thirty_seconds(
    quota: QuotaWorld,
) -> None:
    enter = {"purpose": "dm.enter", "opened_by": "@enter1=="}
    assert (await quota.reserve("greet", items=3, **enter))["granted"]
    assert (await quota.reserve("more", **enter))["denied"]["reason"] == "exhausted"
    assert await quota.bucket() == (0, 0)

    await quota.world.set_clock(START + timedelta(seconds=31))
    late = await quota.reserve("late", **(enter | {"opened_by": "@enter2=="}))
    assert late["denied"]["reason"] == "window_expired"


async def test_the_fourth_entry_of_a_day_is_not_answered(quota: QuotaWorld) -> None:
    answers = []
    for n in range(4):
        at = START + timedelta(minutes=n)
        await quota.world.set_clock(at)
        answers.append(
            await quota.reserve(f"greet{n}", purpose="dm.enter", opened_by=f"@e{n}", opened_at=at)
        )

    assert [bool(a["granted"]) for a in answers] == [True] * 3 + [False]
    denied = answers[3]["denied"]
    assert (denied["limit"], denied["resets"]["on"]) == ("dm.enter.events", "time")
    assert denied["resets"]["at"] == "2024-02-10T16:00:00.000Z"
