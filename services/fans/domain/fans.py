"""What an observation of a follow means for what we know of a fan."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum


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


@dataclass(frozen=True, slots=True)
class Fan:
    """What is known of a fan of one account. `follows` None: nobody has looked yet.

    `epoch` counts the follows that happened while we knew the fan: 0 is somebody whom we never saw
    begin to follow. `version` grows with every change that is told to others.
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


def observe(fan: Fan, observation: Observation) -> Fan:
    """The fan after the observation; the same fan if we know better already.

    The platform reports follows but no unfollows. So a follow that is newer than what we know is
    another follow, even of somebody whom we take for a follower.
    """
    if fan.observed_at is not None and observation.at <= fan.observed_at:
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


def is_news(before: Fan, after: Fan) -> bool:
    """Whether others must hear of the difference."""
    return (before.follows, before.epoch) != (after.follows, after.epoch)


def _followed(fan: Fan, at: datetime) -> Fan:
    return replace(fan, follows=True, followed_at=at, observed_at=at, epoch=fan.epoch + 1)
