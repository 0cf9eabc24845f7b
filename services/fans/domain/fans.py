"""What an observation of a follow means for what we know of a fan."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

_SECOND: Final = timedelta(seconds=1)  # as exactly as the platform says when somebody followed
_MOMENT: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which fans of an account are wanted; None: all of them."""

    follows: bool | None = None
    open_id: str | None = None


class Told(StrEnum):
    """How an observation came to us."""

    FOLLOW = "follow"  # the platform: the fan followed at that time
    CHECK = "check"  # somebody looked: the fan follows, or does not


@dataclass(frozen=True, slots=True)
class Observation:
    """Whether a fan followed at a time."""

    told: Told
    follows: bool
    at: datetime


class Tier(StrEnum):
    """How close a fan is, from a stranger to a true fan."""

    NONE = "none"
    POTENTIAL = "potential"  # interested, without following
    PASSER_BY = "passer_by"
    GOODWILL = "goodwill"
    TRUE_LOVE = "true_love"


@dataclass(frozen=True, slots=True)
class Fan:
    """What is known of a fan of one account. `follows` None: nobody has looked yet.

    `epoch` counts the follows that happened while we knew the fan: 0 is somebody whom we never saw
    begin to follow. `version` grows with every change that is told to others. `tier_rule_version`
    names what the tier was reckoned by.
    """

    organization_id: str
    account_id: str
    id: str
    open_id: str
    nickname: str | None
    follows: bool | None
    followed_at: datetime | None
    observed_at: datetime | None
    epoch: int
    version: int
    first_seen_at: datetime
    last_seen_at: datetime
    tier: Tier | None = None
    tier_rule_version: str | None = None
    tiered_at: datetime | None = None


def observe(fan: Fan, observation: Observation) -> Fan:
    """The fan after the observation; the same fan if we know better already.

    The platform reports follows but no unfollows. So a follow that is newer than what we know is
    another follow, even of somebody whom we take for a follower. It names the second only: in the
    second of a look that found no follow, what we hear last holds.
    """
    if _is_old(observation, fan):
        return fan
    if not observation.follows:
        seen = replace(fan, follows=False, followed_at=None, observed_at=observation.at)
    elif observation.told is Told.FOLLOW:
        seen = _followed(fan, observation.at)
    elif fan.follows is False:
        seen = _followed(fan, observation.at)  # began between two looks, nobody knows when
    else:
        seen = replace(fan, follows=True, observed_at=observation.at)
    return replace(seen, version=fan.version + 1) if is_news(fan, seen) else seen


def tiered(fan: Fan, tier: Tier, rule_version: str, at: datetime) -> Fan:
    """The fan in this tier; the same fan if nothing changes."""
    if (fan.tier, fan.tier_rule_version) == (tier, rule_version):
        return fan
    return replace(
        fan, tier=tier, tier_rule_version=rule_version, tiered_at=at, version=fan.version + 1
    )


def is_news(before: Fan, after: Fan) -> bool:
    """Whether others must hear of the difference."""
    return (before.follows, before.epoch) != (after.follows, after.epoch)


def _is_old(observation: Observation, fan: Fan) -> bool:
    if fan.observed_at is None:
        return False
    if observation.told is Told.FOLLOW and fan.follows is False:
        return observation.at + _SECOND <= fan.observed_at
    return observation.at <= fan.observed_at


def _followed(fan: Fan, at: datetime) -> Fan:
    # hearers go by `observed_at`, so it only grows
    seen = at if fan.observed_at is None else max(at, fan.observed_at + _MOMENT)
    return replace(fan, follows=True, followed_at=at, observed_at=seen, epoch=fan.epoch + 1)
