"""Auto-reply rules: what they are made of and which of them may be saved."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import re2

from services.direct_messages.domain.items import Fault, Item, dump_item, item_faults, load_item
from services.direct_messages.domain.policy import Policy
from services.direct_messages.domain.texts import normalise

PATTERN_MAX_CHARS = 256  # security.md §5: a limit of ours on what we compile, not of the platform
# RE2 is linear, but its worst case costs about 9 ns for each state and character. Repetitions and
# classes expand to states beyond the (at most 3 bytes of) characters that are written down; these
# two keep the worst pattern below 5 ms on the longest message, and all of an account bounded.
EXPANSION_MAX = 300
PROGRAMS_MAX = 20_000
_PATTERN_BYTES = 1 << 20  # what one compiled pattern may take


class Trigger(StrEnum):
    """What a rule waits for."""

    MESSAGE = "message"
    ENTER = "enter"
    FOLLOW = "follow"
    DEFAULT = "default"


class Match(StrEnum):
    """How a message rule looks at the text."""

    EXACT = "exact"
    CONTAINS = "contains"
    RE2 = "re2"


class Mode(StrEnum):
    """Whether a rule sends all its replies or one of them."""

    ALL = "all"
    RANDOM_ONE = "random_one"


@dataclass(frozen=True, slots=True)
class Definition:
    """What a shop decides about a rule."""

    name: str
    trigger: Trigger
    match: Match | None  # for the trigger `message` only
    keywords: tuple[str, ...]  # for exact and contains
    pattern: str | None  # for re2
    mode: Mode
    replies: tuple[Item, ...]
    hand_off: bool  # after the replies a person owns the conversation
    priority: int  # a higher one comes first
    enabled: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of an account; `version` grows by one with every change of it."""

    id: str
    version: int
    created_at: datetime
    updated_at: datetime
    definition: Definition

    @property
    def place(self) -> tuple[int, datetime, str]:
        """Where it stands among its like: by priority, then the oldest."""
        return -self.definition.priority, self.created_at, self.id


def faults(definition: Definition, policy: Policy) -> Iterator[Fault]:
    """Everything that is wrong with a definition under this policy."""
    yield from _trigger_faults(definition)
    yield from _keyword_faults(definition, policy)
    yield from _reply_faults(definition, policy)
    if definition.pattern is not None and (reason := pattern_fault(definition.pattern)):
        yield Fault("#/pattern", reason)


def _trigger_faults(definition: Definition) -> Iterator[Fault]:
    has_pattern, has_keywords = definition.pattern is not None, bool(definition.keywords)
    if definition.trigger is not Trigger.MESSAGE:
        if definition.match or has_keywords or has_pattern:
            yield Fault("#/trigger", "match, keywords and pattern belong to the trigger message")
    elif definition.match is None:
        yield Fault("#/match", "a rule for messages needs exact, contains or re2")
    else:
        wants_pattern = definition.match is Match.RE2
        if has_pattern is not wants_pattern:
            yield Fault("#/pattern", "match re2 needs a pattern, and only that one takes it")
        if has_keywords is wants_pattern:
            yield Fault("#/keywords", "exact and contains need keywords, and only those take them")


def _keyword_faults(definition: Definition, policy: Policy) -> Iterator[Fault]:
    if len(definition.keywords) > policy.keywords_max:
        yield Fault("#/keywords", f"at most {policy.keywords_max} keywords")
    for number, keyword in enumerate(definition.keywords):
        if not normalise(keyword):
            yield Fault(f"#/keywords/{number}", "must not be blank")
        elif len(keyword) > policy.keyword_chars:
            yield Fault(f"#/keywords/{number}", f"at most {policy.keyword_chars} characters")


def _reply_faults(definition: Definition, policy: Policy) -> Iterator[Fault]:
    most = policy.items_per_firing if definition.mode is Mode.ALL else policy.replies_max
    if not 1 <= len(definition.replies) <= most:
        yield Fault("#/replies", f"1 to {most} replies in mode {definition.mode}")
    for number, reply in enumerate(definition.replies):
        yield from item_faults(reply, policy, f"#/replies/{number}", policy.auto_text_chars)


def pattern_options() -> Any:
    """How every pattern is compiled: case means nothing, memory is bounded, no noise."""
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = _PATTERN_BYTES
    return options


def pattern_fault(pattern: str) -> str | None:
    """Why RE2 cannot take the pattern; None when it can."""
    if not pattern:
        return "must not be empty"
    if len(pattern) > PATTERN_MAX_CHARS:
        return f"at most {PATTERN_MAX_CHARS} characters"
    try:
        size = program_size(pattern)
    except re2.error as error:
        why = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error)
        return f"RE2 rejects the pattern: {why}"[:200]
    if size - 3 * len(pattern) > EXPANSION_MAX:
        return f"too complex: it expands to {size} instructions; write shorter repetitions"
    return None


def program_size(pattern: str) -> int:
    """How many instructions RE2 needs for the pattern. Raises re2.error."""
    return int(re2.compile(pattern, pattern_options()).programsize)


def set_fault(rules: Iterable[Rule]) -> Fault | None:
    """Why these rules may not stand together; None when they may."""
    patterns = (rule.definition.pattern for rule in rules if rule.definition.enabled)
    total = sum(program_size(pattern) for pattern in patterns if pattern is not None)
    if total <= PROGRAMS_MAX:
        return None
    return Fault("#/pattern", f"all patterns together are too complex: {total} of {PROGRAMS_MAX}")


def dump(rule: Rule) -> dict[str, Any]:
    """The rule as JSON values, for a snapshot that is kept for ever."""
    return {
        "id": rule.id,
        "version": rule.version,
        "created_at": rule.created_at.isoformat(),
        "updated_at": rule.updated_at.isoformat(),
        **dump_definition(rule.definition),
    }


def load(record: Mapping[str, Any]) -> Rule:
    """The rule that `dump` wrote."""
    return Rule(
        id=record["id"],
        version=record["version"],
        created_at=datetime.fromisoformat(record["created_at"]),
        updated_at=datetime.fromisoformat(record["updated_at"]),
        definition=load_definition(record),
    )


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
        replies=tuple(load_item(reply) for reply in record["replies"]),
        hand_off=record.get("hand_off", False),
        priority=record.get("priority", 0),
        enabled=record.get("enabled", True),
    )
