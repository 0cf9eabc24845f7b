"""When a rule that matches may fire: facts of the fan, of the conversation, of the hour, and chance."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final, TypeVar

from services.direct_messages.domain.conversations import Source, Starter


class Hours(StrEnum):
    """Whether the business is open, by the calendar of its policy."""

    OPEN = "open"
    CLOSED = "closed"


class OpenWindow(StrEnum):
    """What could be answered when the fan did something."""

    REPLY = "reply"  # a message of the fan's is fresh enough
    ENTER = "enter"  # only the page entry is
    NONE = "none"


class Tier(StrEnum):
    """How close a fan is, from a stranger to a true fan."""

    NONE = "none"
    POTENTIAL = "potential"
    PASSER_BY = "passer_by"
    GOODWILL = "goodwill"
    TRUE_LOVE = "true_love"


@dataclass(frozen=True, slots=True)
class Conditions:
    """What must be so, all of it; what is not set is not asked."""

    follows: bool | None = None  # unknown counts as not following
    first_contact: bool | None = None  # the fan never wrote nor entered before
    started_by: Starter | None = None
    window: OpenWindow | None = None  # before this
    hours: Hours | None = None
    tags_any: tuple[str, ...] = ()
    tags_none: tuple[str, ...] = ()
    share: int | None = None  # of a hundred fans; a fan is always on the same side of a rule
    tiers: tuple[Tier, ...] = ()  # one of them
    sources: tuple[Source, ...] = ()  # one of them: of the newest page entry


ALWAYS: Final = Conditions()
_Word = TypeVar("_Word", bound=StrEnum)


def dump_conditions(conditions: Conditions) -> dict[str, Any]:
    """What is set, as JSON values."""
    values = asdict(conditions)
    return {name: v for name, v in values.items() if v is not None and v != ()}


def load_conditions(record: Mapping[str, Any] | None) -> Conditions:
    """The conditions that `dump_conditions` wrote; ALWAYS itself where there are none."""
    if not record:
        return ALWAYS
    return Conditions(
        follows=record.get("follows"),
        first_contact=record.get("first_contact"),
        started_by=_word(Starter, record.get("started_by")),
        window=_word(OpenWindow, record.get("window")),
        hours=_word(Hours, record.get("hours")),
        tags_any=tuple(record.get("tags_any", ())),
        tags_none=tuple(record.get("tags_none", ())),
        tiers=tuple(Tier(word) for word in record.get("tiers", ())),
        sources=tuple(Source(word) for word in record.get("sources", ())),
        share=record.get("share"),
    )


def _word(kind: type[_Word], word: str | None) -> _Word | None:
    return None if word is None else kind(word)
