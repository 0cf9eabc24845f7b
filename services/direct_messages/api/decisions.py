"""The whole story of a decision, in one answer."""

import re
from datetime import datetime
from typing import Any

from services.direct_messages import actions
from services.direct_messages.actions import Story
from services.direct_messages.api.callers import MessageDeps, Reader
from services.direct_messages.api.rules import RuleOut, rule_out
from services.direct_messages.domain.conditions import Tier
from services.direct_messages.domain.menus import Way
from services.direct_messages.domain.messages import Message
from shared.contracts.api.quota import Denied, ReserveAnswer
from shared.errors import NotFound
from shared.http.errors import errors
from shared.http.models import Id, ResponseModel
from shared.http.routing import Router
from shared.times import written

router = Router(tags=["decisions"])
_AT = re.compile(r"_(at|since)$")  # how fields that hold times are named


class InboundOut(ResponseModel):
    """What the fan did. `waited_minutes`: how long nobody had answered, where that was it."""

    id: str
    kind: str
    text: str | None
    platform_message_id: str | None
    at: datetime
    waited_minutes: int | None


class CandidateOut(ResponseModel):
    """A rule that matched; `lost` says why it did not fire, null for the one that did."""

    rule_id: str
    step: str
    found: str
    lost: str | None


class VersionsOut(ResponseModel):
    """By what it was decided, and with which seed; kept for ever."""

    rule_set: int
    policy: int
    seed: str


class ConversationFan(ResponseModel):
    """What was known of the fan. `follows` null is unknown and counts as not following, `tier` null as none."""

    open_id: str
    follows: bool | None
    observed_at: datetime | None
    epoch: int | None
    tier: Tier | None = None


class HeldInOut(ResponseModel):
    """The window that the hold counts in; its time as everywhere outside, not as quota compares it."""

    opened_by: str
    opened_at: datetime


class GrantedOut(ResponseModel):
    """`held_in` is null where no event opens the window."""

    reservation_id: str
    held_in: HeldInOut | None
    limits: list[str]


class QuotaOut(ResponseModel):
    """What quota answered: exactly one of both."""

    granted: GrantedOut | None
    denied: Denied | None


class ItemOut(ResponseModel):
    """One message that was to be sent, and how it ended."""

    message_id: str
    item: int
    kind: str
    text: str | None
    state: str
    platform_message_id: str | None
    code: int | None
    log_id: str | None
    reason: str | None
    content: dict[str, Any] | None


class DecisionOut(ResponseModel):
    """Inbound, rule, reasons, quota, items: everything that is known of one decision."""

    cause: str
    account_id: str
    conversation_id: str | None
    inbound: InboundOut
    outcome: str
    decided_at: datetime
    rule: RuleOut | None
    called_by: Way | None
    candidates: list[CandidateOut]
    candidates_total: int
    versions: VersionsOut
    fan: ConversationFan
    context: dict[str, Any] | None
    conversation_before: dict[str, Any]
    owner_after: str
    owner_reason: str | None
    operation_id: str | None
    reservation_id: str | None
    quota: QuotaOut | None
    items: list[ItemOut]


@router.get(
    "/v1/messages/{message_id}/decision",
    operation_id="get_decision",
    responses=errors(NotFound),
)
async def get_decision(message_id: Id, caller: Reader, deps: MessageDeps) -> DecisionOut:
    """Why this message was answered so, or not at all. Also asked by the id of an automatic reply."""
    return _story_out(await actions.tell_decision(deps, caller.organization_id, message_id))


def _story_out(story: Story) -> DecisionOut:
    message, decision, record = story.message, story.decision, story.decision.record
    quota = ReserveAnswer.model_validate(decision.quota) if decision.quota else None
    return DecisionOut(
        cause=message.cause,
        account_id=message.account_id,
        conversation_id=message.conversation_id,
        inbound=InboundOut(
            id=message.id,
            kind=message.kind,
            text=message.text,
            platform_message_id=message.platform_message_id,
            at=message.created_at,
            waited_minutes=(record["inbound"].get("wait") or {}).get("minutes"),
        ),
        outcome=decision.outcome,
        decided_at=decision.decided_at,
        rule=rule_out(story.rule) if story.rule else None,
        called_by=record.get("called_by"),  # older ones do not say
        candidates=[CandidateOut.model_validate(c) for c in record["candidates"]],
        candidates_total=record["candidates_total"],
        versions=VersionsOut(
            rule_set=record["rule_set_version"],
            policy=record["policy_version"],
            seed=record["seed"],
        ),
        fan=ConversationFan(open_id=record["conversation"]["fan_open_id"], **record["fan"]),
        context=record["context"] and _shown(record["context"]),
        conversation_before=_shown(record["conversation"]),
        owner_after=record["owner"],
        owner_reason=record["owner_reason"],
        operation_id=decision.operation_id,
        reservation_id=story.operation.reservation_id if story.operation else None,
        quota=_quota_out(quota) if quota else None,
        items=[_item_out(item) for item in story.items],
    )


def _quota_out(answer: ReserveAnswer) -> QuotaOut:
    held = answer.granted
    granted = GrantedOut.model_validate(held.model_dump()) if held else None
    return QuotaOut(granted=granted, denied=answer.denied)


def _shown(recorded: dict[str, Any]) -> dict[str, Any]:
    """What the record keeps exactly, with its times in the form of every answer."""
    return {name: _time(value) if _AT.search(name) else value for name, value in recorded.items()}


def _time(value: Any) -> Any:
    if isinstance(value, list):
        return [_time(one) for one in value]
    return written(datetime.fromisoformat(value)) if isinstance(value, str) else value


def _item_out(item: Message) -> ItemOut:
    return ItemOut(
        message_id=item.id,
        item=item.item or 0,
        kind=item.kind,
        text=item.text,
        state=item.state,
        platform_message_id=item.platform_message_id,
        code=item.code,
        log_id=item.log_id,
        reason=item.reason,
        content=item.content,
    )
