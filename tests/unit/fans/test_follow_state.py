"""What observations of a follow mean."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from services.fans.domain import Fan, Observation, Told, observe

START = datetime(2025, 1, 1, tzinfo=UTC)
STRANGER = Fan("org_1", "acc_1", "fan_1", "open", None, None, None, None, 0, 0, START, START)


def at(hour: int) -> datetime:
    return START + timedelta(hours=hour)


def a_follow(hour: int) -> Observation:
    return Observation(Told.FOLLOW, follows=True, at=at(hour))


def a_look(hour: int, *, follows: bool) -> Observation:
    return Observation(Told.CHECK, follows=follows, at=at(hour))


def after(*observations: Observation) -> Fan:
    fan = STRANGER
    for observation in observations:
        fan = observe(fan, observation)
    return fan


def test_a_follow_begins_an_epoch() -> None:
    fan = after(a_follow(1))
    assert (fan.follows, fan.followed_at, fan.observed_at) == (True, at(1), at(1))
    assert (fan.epoch, fan.version) == (1, 1)


def test_a_replayed_follow_changes_nothing() -> None:
    fan = after(a_follow(1))
    assert observe(fan, a_follow(1)) is fan


def test_an_older_follow_than_we_know_of_changes_nothing() -> None:
    fan = after(a_follow(5))
    assert observe(fan, a_follow(1)) is fan
    gone = after(a_look(5, follows=False))
    assert observe(gone, a_follow(1)) is gone


def test_another_follow_is_another_epoch_because_no_unfollow_is_ever_reported() -> None:
    fan = after(a_follow(1), a_follow(9))
    assert (fan.epoch, fan.version, fan.followed_at) == (2, 2, at(9))


def test_a_look_that_finds_what_we_know_only_moves_the_time() -> None:
    before = after(a_follow(1))
    assert observe(before, a_look(2, follows=True)) == replace(before, observed_at=at(2))


def test_a_look_that_finds_no_follow_ends_it() -> None:
    fan = after(a_follow(1), a_look(2, follows=False))
    assert (fan.follows, fan.followed_at, fan.epoch, fan.version) == (False, None, 1, 2)


def test_a_look_that_finds_a_follow_again_is_another_epoch() -> None:
    fan = after(a_follow(1), a_look(2, follows=False), a_look(3, follows=True))
    assert (fan.follows, fan.epoch, fan.followed_at) == (True, 2, at(3))


def test_a_first_look_at_a_follower_counts_no_follow_because_we_did_not_see_it() -> None:
    fan = after(a_look(1, follows=True))
    assert (fan.follows, fan.epoch, fan.followed_at, fan.version) == (True, 0, None, 1)


def test_in_whatever_order_they_arrive_the_newest_observation_holds() -> None:
    told = [a_follow(1), a_look(2, follows=False), a_follow(3), a_look(4, follows=False)]
    for order in itertools.permutations(told):
        fan = after(*order)
        assert (fan.follows, fan.observed_at) == (False, at(4))


def test_a_follow_in_the_second_of_a_look_that_found_none_is_newer() -> None:
    a_moment_later = at(2) + timedelta(milliseconds=700)
    unfollowed = after(a_follow(1), Observation(Told.CHECK, follows=False, at=a_moment_later))
    fan = observe(unfollowed, a_follow(2))  # the platform names whole seconds
    assert (fan.follows, fan.followed_at, fan.epoch) == (True, at(2), 2)
    assert fan.observed_at is not None
    assert fan.observed_at > a_moment_later, "who hears of both takes the follow for the newer one"


def test_a_follow_of_the_second_before_a_look_is_old() -> None:
    gone = after(a_look(2, follows=False))
    before = Observation(Told.FOLLOW, follows=True, at=at(2) - timedelta(seconds=1))
    assert observe(gone, before) is gone


def test_a_look_in_the_second_of_a_follow_is_newer() -> None:
    seen = Observation(Told.CHECK, follows=False, at=at(1) + timedelta(milliseconds=700))
    assert after(a_follow(1), seen).follows is False
