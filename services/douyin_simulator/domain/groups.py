"""Fan groups: who may come in, and what is said in them."""

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, Final

from services.douyin_simulator.domain.things import Thing

FAN_CLUB_LEVELS: Final = frozenset({0, 1, 3, 5, 9, 12, 15, 17, 20})
RELATIONS: Final = frozenset({0, 1, 7, 30, 60})
GROUP_TYPES: Final = frozenset({2, 5})
GREETING: Final = 1
NOTICE: Final = 2
_DAY_MS: Final = 86_400_000


class JoinState(IntEnum):
    """What became of an application."""

    APPLIED = 1
    APPROVED = 2
    REFUSED = 3


@dataclass(frozen=True, slots=True)
class GroupRules:
    """What a group was created with: thresholds, and switches that are on or off."""

    group_type: int = 2
    active_fans: int = 0
    fans_limit: int = 0
    relation_type: int = 0
    allow_invite: bool = False
    open_audit_switch: bool = False
    show_at_profile: bool = False
    live_auto_sync: bool = False
    item_auto_sync: bool = False


@dataclass(frozen=True, slots=True)
class Group(Thing):
    """A group of an account, its members in the order in which they came."""

    account: str
    name: str
    description: str
    avatar_uri: str
    rules: GroupRules
    max_members: int
    created_at_ms: int
    members: tuple[str, ...] = ()

    def with_member(self, fan: str) -> "Group":
        """The group once a fan is in it."""
        return self if fan in self.members else replace(self, members=(*self.members, fan))

    def without_member(self, fan: str) -> "Group":
        """The group once a fan has left it."""
        return replace(self, members=tuple(one for one in self.members if one != fan))


@dataclass(frozen=True, slots=True)
class JoinRequest(Thing):
    """A fan's application to a group that wants to be asked."""

    group: str
    account: str
    fan: str
    state: JoinState
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class GroupSetting(Thing):
    """The greeting or the notice of a group; `id` names both."""

    group: str
    kind: int
    messages: tuple[dict[str, Any], ...]  # Any: message objects as they came


@dataclass(frozen=True, slots=True)
class GroupMessage(Thing):
    """Something that was said in a group and did not come through the API."""

    group: str
    account: str
    speaker: str
    kind: str
    content: dict[str, Any]  # Any: a message object
    at_ms: int


@dataclass(frozen=True, slots=True)
class Applicant:
    """What a threshold looks at."""

    follows: bool
    followed_at_ms: int | None
    club_level: int
    active: bool


def why_not(group: Group, who: Applicant, now_ms: int) -> str:
    """Which threshold keeps a fan out; empty if none does."""
    rules = group.rules
    if rules.relation_type and not who.follows:
        return "does not follow"
    if rules.relation_type > 1:
        since_ms = now_ms if who.followed_at_ms is None else who.followed_at_ms
        if now_ms - since_ms <= rules.relation_type * _DAY_MS:
            return f"has not followed for more than {rules.relation_type} days"
    if who.club_level < rules.fans_limit:
        return f"is below fan-club level {rules.fans_limit}"
    if rules.active_fans and not who.active:
        return "is no active fan"
    return "the group is full" if len(group.members) >= group.max_members else ""
