"""Follows that the platform reports: once, twice, late, in any order."""

import itertools
from datetime import timedelta

import pytest

from shared.contracts.envelope import Envelope
from shared.contracts.events.douyin import FollowChecked
from tests.service.fans.conftest import FAN, ORG, FansWorld, a_follow, at, heard


async def test_a_follow_of_somebody_new_makes_a_fan_and_is_told(fans: FansWorld) -> None:
    await fans.hear(a_follow(1, cause="evt_door"))
    fan = await fans.fan()
    assert (fan["follows"], fan["epoch"]) == (True, 1)
    assert fan["followed_at"] == "2025-01-01T01:00:00.000Z"
    (told,) = await fans.told()
    assert told["type"] == "fans.follow_changed"
    assert told["cause"] == "evt_door"
    assert (told["subject"], told["subject_seq"]) == (fan["id"], 1)
    assert told["data"]["open_id"] == FAN
    assert (told["data"]["follows"], told["data"]["epoch"]) == (True, 1)


async def test_the_same_envelope_twice_is_one_follow(fans: FansWorld) -> None:
    follow = a_follow(1)
    await fans.hear(follow, follow)
    await fans.hear(follow)
    assert (await fans.fan())["epoch"] == 1
    assert len(await fans.told()) == 1


async def test_the_same_follow_in_another_envelope_is_one_follow(fans: FansWorld) -> None:
    await fans.hear(a_follow(1), a_follow(1))
    await fans.hear(a_follow(1))
    assert (await fans.fan())["epoch"] == 1
    assert len(await fans.told()) == 1


async def test_a_later_follow_is_another_epoch(fans: FansWorld) -> None:
    await fans.hear(a_follow(1))
    await fans.hear(a_follow(5))
    assert [one["data"]["epoch"] for one in await fans.told()] == [1, 2]
    assert [one["subject_seq"] for one in await fans.told()] == [1, 2]


@pytest.mark.parametrize("order", list(itertools.permutations([1, 3, 5])))
async def test_in_one_batch_the_order_of_arrival_does_not_matter(
    fans: FansWorld, order: tuple[int, ...]
) -> None:
    await fans.hear(*(a_follow(hour) for hour in order))
    fan = await fans.fan()
    assert (fan["epoch"], fan["followed_at"]) == (3, "2025-01-01T05:00:00.000Z")


async def test_a_follow_that_comes_late_is_no_news(fans: FansWorld) -> None:
    await fans.hear(a_follow(5))
    await fans.hear(a_follow(1))
    fan = await fans.fan()
    assert (fan["epoch"], fan["followed_at"]) == (1, "2025-01-01T05:00:00.000Z")
    assert len(await fans.told()) == 1


async def test_a_batch_of_many_tenants_keeps_them_apart(fans: FansWorld) -> None:
    batch = [a_follow(1, f"fan-{number}") for number in range(150)]
    batch += [a_follow(1, f"fan-{n}", organization="org_2", account="acc_2") for n in range(50)]
    await fans.hear(*batch)
    rows = await fans.world.sql(
        "SELECT organization_id, count(*) FROM fans.fan GROUP BY 1 ORDER BY 1"
    )
    assert [tuple(row) for row in rows] == [(ORG, 150), ("org_2", 50)]
    assert len(await fans.told()) == 200


async def test_somebody_who_looked_later_knows_better_than_an_old_follow(fans: FansWorld) -> None:
    await fans.world.set_clock(at(10))
    await fans.bring({"open_id": FAN, "follows": False})
    await fans.hear(a_follow(2))
    assert (await fans.fan())["follows"] is False
    await fans.hear(a_follow(20))
    fan = await fans.fan()
    assert (fan["follows"], fan["epoch"]) == (True, 1)


async def test_what_was_told_waits_until_it_was_heard(fans: FansWorld) -> None:
    await fans.hear(a_follow(1))
    rows = await fans.world.sql("SELECT hearer FROM fans.outbox ORDER BY hearer")
    assert [row["hearer"] for row in rows] == ["direct_messages", "quota"]


def a_check(hour: int, *, follows: bool) -> Envelope:
    event = FollowChecked(open_id=FAN, follows=follows, checked_at=at(hour))
    return heard(event)


async def test_what_the_platform_says_when_asked_is_kept_by_its_time(fans: FansWorld) -> None:
    await fans.hear(a_follow(1))
    await fans.hear(a_check(5, follows=False))
    await fans.hear(a_check(3, follows=True))
    fan = await fans.fan()
    assert (fan["follows"], fan["epoch"]) == (False, 1)
    await fans.hear(a_check(7, follows=True))
    assert (await fans.fan())["epoch"] == 2, "it began between two looks"
    assert [one["data"]["follows"] for one in await fans.told()] == [True, False, True]


@pytest.mark.parametrize("at_once", [True, False])
async def test_who_unfollows_is_looked_up_and_follows_again_in_one_second_follows(
    fans: FansWorld, *, at_once: bool
) -> None:
    await fans.hear(a_follow(1))
    looked = FollowChecked(open_id=FAN, follows=False, checked_at=at(2) + timedelta(seconds=0.7))
    again = [heard(looked), a_follow(2)]
    for batch in [again] if at_once else [[one] for one in again]:
        await fans.hear(*batch)
    fan = await fans.fan()
    assert (fan["follows"], fan["epoch"]) == (True, 2)
    told = [one["data"] for one in await fans.told()]
    assert [one["follows"] for one in told] == [True, False, True]
    times = [one["observed_at"] for one in told]
    assert times == sorted(set(times)), "who hears of them in any order keeps the last"
