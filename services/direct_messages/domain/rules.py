"""Auto-reply rules: what they are made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from services.direct_messages.domain.conditions import (
    ALWAYS,
    Conditions,
    dump_conditions,
    load_conditions,
)
from services.direct_messages.domain.effects import Effect, dump_effect, load_effect
from services.direct_messages.domain.items import Reply, dump_item, load_item


class Trigger(StrEnum):
    """What a rule waits for."""

    MESSAGE = "message"
    ENTER = "enter"
    FOLLOW = "follow"
    MENU = "menu"  # the fan called an entry of the menu
    LEAD = "lead"  # the fan filled in a lead card
    NO_ANSWER = "no_answer"  # nobody answered the fan for a while
    DEFAULT = "default"


class Match(StrEnum):
    """How a message rule looks at the text."""

    EXACT = "exact"
    CONTAINS = "contains"
    RE2 = "re2"
    ANY = "any"  # whatever it says: of some kinds, or where the conditions hold


class MessageKind(StrEnum):
    """What a fan's message is."""

    TEXT = "text"
    IMAGE = "image"
    EMOJI = "emoji"
    VIDEO = "video"
    OTHER = "other"


class Mode(StrEnum):
    """Whether a rule sends all its replies or one of them."""

    ALL = "all"
    RANDOM_ONE = "random_one"


@dataclass(frozen=True, slots=True)
class MenuPlace:
    """Where an entry stands in the menu, counted from 1: (2,), or (2, 1) under it."""

    position: tuple[int, ...]
    label: str


@dataclass(frozen=True, slots=True)
class Definition:
    """What a shop decides about a rule."""

    name: str
    trigger: Trigger
    match: Match | None  # for the trigger `message` only
    keywords: tuple[str, ...]  # for exact and contains
    pattern: str | None  # for re2
    mode: Mode
    replies: tuple[Reply, ...]
    hand_off: bool  # after the replies a person owns the conversation
    priority: int  # a higher one comes first
    enabled: bool
    kinds: tuple[MessageKind, ...] = ()  # for `any`; none: every kind
    conditions: Conditions = ALWAYS
    effects: tuple[Effect, ...] = ()
    menu: MenuPlace | None = None  # for the trigger `menu` only
    after_minutes: int | None = None  # for the trigger `no_answer` only: of waiting
    claim_reason: str | None = None  # why words of absolute claims in its texts are true


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of an account; `version` grows by one with every change of it."""

    id: str
    version: int
    created_at: datetime
    updated_at: datetime
    definition: Definition
    paused: str | None = (
        None  # why Siyu itself put it aside; it fires again once somebody changed it
    )

    @property
    def fires(self) -> bool:
        """Whether it is asked at all."""
        return self.definition.enabled and self.paused is None

    @property
    def place(self) -> tuple[int, datetime, str]:
        """Where it stands among its like: by priority, then the oldest."""
        return -self.definition.priority, self.created_at, self.id


def dump_definition(definition: Definition) -> dict[str, Any]:
    """The definition as JSON values."""
    return {
        "name": definition.name,
        "trigger": definition.trigger.value,
        "match": definition.match.value if definition.match else None,
        "keywords": list(definition.keywords),
        "pattern": definition.pattern,
        "mode": definition.mode.value,
        "replies": [dump_item(reply) for reply in definition.replies],
        "hand_off": definition.hand_off,
        "priority": definition.priority,
        "enabled": definition.enabled,
        "kinds": [kind.value for kind in definition.kinds],
        "conditions": dump_conditions(definition.conditions),
        "effects": [dump_effect(effect) for effect in definition.effects],
        "menu": dump_place(definition.menu),
        "after_minutes": definition.after_minutes,
        "claim_reason": definition.claim_reason,
    }


def load_definition(record: Mapping[str, Any]) -> Definition:
    """The definition that `dump_definition` wrote; what is left out gets the usual value."""
    match = record.get("match")
    return Definition(
        name=record["name"],
        trigger=Trigger(record["trigger"]),
        match=Match(match) if match else None,
        keywords=tuple(record.get("keywords") or ()),
        pattern=record.get("pattern"),
        mode=Mode(record.get("mode", Mode.ALL)),
        replies=tuple(load_item(reply) for reply in record.get("replies") or ()),
        hand_off=record.get("hand_off", False),
        priority=record.get("priority", 0),
        enabled=record.get("enabled", True),
        kinds=tuple(MessageKind(kind) for kind in record.get("kinds") or ()),
        conditions=load_conditions(record.get("conditions")),
        effects=tuple(load_effect(effect) for effect in record.get("effects") or ()),
        menu=_load_place(record.get("menu")),
        after_minutes=record.get("after_minutes"),
        claim_reason=record.get("claim_reason"),
    )


def dump_place(place: MenuPlace | None) -> dict[str, Any] | None:
    """A place in the menu as JSON values."""
    return {"position": list(place.position), "label": place.label} if place else None


def _load_place(record: Mapping[str, Any] | None) -> MenuPlace | None:
    return MenuPlace(tuple(record["position"]), record["label"]) if record else None
