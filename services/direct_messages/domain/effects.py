"""What a rule does besides sending: the one list of it.

An effect here changes the conversation, so it is kept or lost with the decision. One that needs others (a call
to somebody else's system) is told in an event of that transaction; `apply` is where a new kind is added, and
the API refuses what is not in the list. A flow begins with the send that asks its first question.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any, Final, Literal, get_args

from services.direct_messages.domain.conversations import Conversation, changed
from services.direct_messages.domain.flows import StartFlow, load_flow


@dataclass(frozen=True, slots=True)
class AddTag:
    """The conversation gets a tag."""

    tag: str
    kind: Literal["add_tag"] = "add_tag"


@dataclass(frozen=True, slots=True)
class RemoveTag:
    """The conversation loses a tag."""

    tag: str
    kind: Literal["remove_tag"] = "remove_tag"


class LeadStage(StrEnum):
    """Where a rule may move a lead; the fan service decides whether it goes there."""

    CONTACTED = "contacted"
    CONFIRMED = "confirmed"
    HIGH_INTENT = "high_intent"
    ARRIVED = "arrived"
    WON = "won"
    NURTURE = "nurture"
    LOST = "lost"
    INVALID = "invalid"

    @property
    def needs_reason(self) -> bool:
        """Whether it is said why."""
        return self in {LeadStage.LOST, LeadStage.INVALID}


@dataclass(frozen=True, slots=True)
class SetStage:
    """The fan's open lead goes to another stage; of a rule with a flow, when that is complete."""

    stage: LeadStage
    reason: str | None = None
    kind: Literal["set_stage"] = "set_stage"


@dataclass(frozen=True, slots=True)
class Stop:
    """Nothing: whoever matches this is not answered by any later rule."""

    kind: Literal["stop"] = "stop"


@dataclass(frozen=True, slots=True)
class NotifyWebhook:
    """The organization's webhook endpoints are told; `label` is what they tell rules apart by."""

    label: str | None = None
    kind: Literal["notify_webhook"] = "notify_webhook"


Effect = AddTag | RemoveTag | SetStage | Stop | NotifyWebhook | StartFlow
_KINDS: Final[dict[str, type[Any]]] = {
    str(next(field.default for field in fields(kind) if field.name == "kind")): kind
    for kind in get_args(Effect)
}


def apply(effects: Iterable[Effect], talk: Conversation, tags_max: int) -> Conversation:
    """The conversation after the effects. A tag beyond the limit is not added."""
    tags = talk.tags
    for effect in effects:
        match effect:
            case AddTag(tag=tag) if tag not in tags and len(tags) < tags_max:
                tags = (*tags, tag)
            case RemoveTag(tag=tag):
                tags = tuple(kept for kept in tags if kept != tag)
            case _:
                pass
    return talk if tags == talk.tags else changed(talk, tags=tags)


def flow_of(effects: Iterable[Effect]) -> StartFlow | None:
    """The flow that a rule with these effects starts; it may have one."""
    return next((effect for effect in effects if isinstance(effect, StartFlow)), None)


def notice_of(effects: Iterable[Effect]) -> NotifyWebhook | None:
    """What a rule with these effects lets webhooks tell; it may have one."""
    return next((effect for effect in effects if isinstance(effect, NotifyWebhook)), None)


def dump_effect(effect: Effect) -> dict[str, Any]:
    """One effect as JSON values."""
    return asdict(effect)


def load_effect(record: Mapping[str, Any]) -> Effect:
    """The effect that `dump_effect` wrote."""
    kind = _KINDS[record["kind"]]
    if kind is SetStage:
        return SetStage(LeadStage(record["stage"]), record.get("reason"))
    effect: Effect = load_flow(record) if kind is StartFlow else kind(**record)
    return effect
