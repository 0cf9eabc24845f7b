"""What a rule is made of, as people write it."""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from services.direct_messages.api.items import ItemIn, reply_of
from services.direct_messages.domain.conditions import (
    Conditions,
    Hours,
    OpenWindow,
    Tier,
    load_conditions,
)
from services.direct_messages.domain.conversations import Source, Starter
from services.direct_messages.domain.effects import LeadStage, load_effect
from services.direct_messages.domain.flows import Expects
from services.direct_messages.domain.patterns import PATTERN_MAX_CHARS
from services.direct_messages.domain.rules import (
    Definition,
    Match,
    MenuPlace,
    MessageKind,
    Mode,
    Trigger,
)
from shared.http.models import FROM_TEXT, RequestModel, ShortText, Text, by_kind


class ConditionsIn(RequestModel):
    """What must be so for the rule to fire, all of it; what is left out is not asked.

    `tiers`, `sources`: one of them. `share`: of a hundred fans, so many; a fan is always on the same side of a rule.
    """

    follows: bool | None = None
    first_contact: bool | None = None
    started_by: Annotated[Starter, FROM_TEXT] | None = None
    window: Annotated[OpenWindow, FROM_TEXT] | None = None
    hours: Annotated[Hours, FROM_TEXT] | None = None
    tags_any: list[ShortText] = Field(default_factory=list, max_length=20)
    tags_none: list[ShortText] = Field(default_factory=list, max_length=20)
    tiers: list[Annotated[Tier, FROM_TEXT]] = Field(default_factory=list, max_length=5)
    sources: list[Annotated[Source, FROM_TEXT]] = Field(default_factory=list, max_length=4)
    share: Annotated[int, Field(ge=1, le=99)] | None = None


class AddTagIn(RequestModel):
    """Give the conversation a tag."""

    kind: Literal["add_tag"]
    tag: ShortText


class RemoveTagIn(RequestModel):
    """Take a tag away."""

    kind: Literal["remove_tag"]
    tag: ShortText


class SetStageIn(RequestModel):
    """Move the fan's open lead; `lost` and `invalid` need a reason. Its history says where it may not go."""

    kind: Literal["set_stage"]
    stage: Annotated[LeadStage, FROM_TEXT]
    reason: Annotated[Text, Field(min_length=1, max_length=500)] | None = None


class StopIn(RequestModel):
    """Send nothing, and ask no later rule."""

    kind: Literal["stop"]


class NotifyWebhookIn(RequestModel):
    """Tell the organization's webhook endpoints that subscribed to `dm.rule_notified`."""

    kind: Literal["notify_webhook"]
    label: ShortText | None = None


class ChoiceIn(RequestModel):
    """One of the answers; `then` is the step that follows, counted from 0: null the next, -1 the end."""

    label: ShortText
    then: Annotated[int, Field(ge=-1, le=100)] | None = None


class StepIn(RequestModel):
    """One question. `field` is what is learnt: name, phone, wechat and city make a contact."""

    field: ShortText
    question: Annotated[Text, Field(min_length=1, max_length=1000)]
    expects: Annotated[Expects, FROM_TEXT] = Expects.TEXT
    choices: list[ChoiceIn] = Field(default_factory=list, max_length=20)
    hint: Annotated[Text, Field(min_length=1, max_length=1000)] | None = None


class StartFlowIn(RequestModel):
    """Ask these questions after the replies; what a fan leaves of a contact becomes a lead.

    `expires_minutes`: a fan who is silent for longer left it. `tries`: answers that do not fit before it ends.
    """

    kind: Literal["start_flow"]
    steps: Annotated[list[StepIn], Field(min_length=1, max_length=20)]
    done: Annotated[Text, Field(min_length=1, max_length=1000)]
    expires_minutes: Annotated[int, Field(ge=1, le=10_000)] = 60
    tries: Annotated[int, Field(ge=1, le=100)] = 2


EffectIn = Annotated[
    Annotated[AddTagIn, Tag("kind:add_tag")]
    | Annotated[RemoveTagIn, Tag("kind:remove_tag")]
    | Annotated[SetStageIn, Tag("kind:set_stage")]
    | Annotated[StopIn, Tag("kind:stop")]
    | Annotated[NotifyWebhookIn, Tag("kind:notify_webhook")]
    | Annotated[StartFlowIn, Tag("kind:start_flow")],
    Discriminator(by_kind),
]


class MenuPlaceIn(RequestModel):
    """Where an entry stands in the menu, counted from 1: [2], or [2, 1] under it; what fans read."""

    position: Annotated[list[int], Field(min_length=1, max_length=10)]
    label: ShortText


class RuleIn(RequestModel):
    """What a rule waits for, sends and does. A higher priority comes first, then the older rule.

    `after_minutes`: for `no_answer`, how long nobody answered the fan.
    """

    name: ShortText
    trigger: Annotated[Trigger, FROM_TEXT]
    match: Annotated[Match, FROM_TEXT] | None = None
    keywords: list[ShortText] = Field(default_factory=list, max_length=100)
    pattern: Annotated[Text, Field(min_length=1, max_length=PATTERN_MAX_CHARS)] | None = None
    mode: Annotated[Mode, FROM_TEXT] = Mode.ALL
    replies: Annotated[list[ItemIn], Field(max_length=100)] = Field(default_factory=list)
    hand_off: bool = False
    priority: Annotated[int, Field(ge=-1000, le=1000)] = 0
    enabled: bool = True
    kinds: list[Annotated[MessageKind, FROM_TEXT]] = Field(default_factory=list, max_length=10)
    conditions: ConditionsIn = ConditionsIn()
    effects: list[EffectIn] = Field(default_factory=list, max_length=10)
    menu: MenuPlaceIn | None = None
    after_minutes: Annotated[int, Field(ge=1, le=10_000)] | None = None
    claim_reason: Annotated[Text, Field(max_length=500)] | None = None


def definition_of(body: RuleIn) -> Definition:
    """The definition that somebody wrote."""
    return Definition(
        name=body.name,
        trigger=body.trigger,
        match=body.match,
        keywords=tuple(body.keywords),
        pattern=body.pattern,
        mode=body.mode,
        replies=tuple(reply_of(reply) for reply in body.replies),
        hand_off=body.hand_off,
        priority=body.priority,
        enabled=body.enabled,
        kinds=tuple(dict.fromkeys(body.kinds)),
        conditions=_conditions(body.conditions),
        effects=tuple(load_effect(effect.model_dump()) for effect in body.effects),
        menu=MenuPlace(tuple(body.menu.position), body.menu.label) if body.menu else None,
        after_minutes=body.after_minutes,
        claim_reason=body.claim_reason,
    )


def _conditions(given: ConditionsIn) -> Conditions:
    named = given.model_dump(exclude_none=True)
    return load_conditions({name: value for name, value in named.items() if value != []})
