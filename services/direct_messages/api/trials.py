"""Try rules before they are published: on one message, and on what fans did before."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Response
from pydantic import Field

from services.direct_messages import actions
from services.direct_messages.actions import Replay, Trial
from services.direct_messages.api.callers import Keeper, MessageDeps, Reader
from services.direct_messages.api.decisions import CandidateOut
from services.direct_messages.api.items import ReplyItemOut, item_out
from services.direct_messages.api.rules import RuleOut, rule_out
from services.direct_messages.domain.cases import Decision, Outcome
from services.direct_messages.domain.conditions import Tier
from services.direct_messages.domain.conversations import Owner, Source
from services.direct_messages.domain.effects import LeadStage
from services.direct_messages.domain.records import trace_of
from services.direct_messages.domain.rules import Trigger
from shared.errors import NotFound
from shared.http.errors import errors
from shared.http.idempotency import IdempotencyKeyInUse, IdempotencyKeyReused, Once, OptionalKey
from shared.http.models import FROM_TEXT, Id, RequestModel, ResponseModel, ShortText, Text
from shared.http.routing import Router

router = Router(tags=["rules"])


class TrialIn(RequestModel):
    """What a fan would do. Without `conversation_id` it is somebody new.

    `follows`, `tier`, `source`: what is left out is as it is known.

    `waited_minutes`: for `no_answer`, how long nobody answered her.
    """

    does: Literal["message", "enter", "follow", "lead", "no_answer"] = "message"
    text: Annotated[Text, Field(max_length=10_000)] | None = None
    kind: ShortText = "text"
    conversation_id: ShortText | None = None
    follows: bool | None = None
    tier: Annotated[Tier, FROM_TEXT] | None = None
    source: Annotated[Source, FROM_TEXT] | None = None
    waited_minutes: Annotated[int, Field(ge=1, le=10_000)] = 30


class WebhookNoticeOut(ResponseModel):
    """What webhooks would tell of the rule."""

    label: str | None


class TrialDecision(ResponseModel):
    """What would be decided, and why each rule that matched but one lost.

    `lead_stage`: where the fan's lead would be asked to go.
    """

    outcome: Outcome
    rule: RuleOut | None
    items: list[ReplyItemOut]
    candidates: list[CandidateOut]
    owner_after: Owner
    tags_after: list[str]
    webhook: WebhookNoticeOut | None
    lead_stage: LeadStage | None


class TrialOut(ResponseModel):
    """The published rules and the draft, side by side."""

    rule_set: int
    same: bool
    published: TrialDecision
    draft: TrialDecision


class ReplayIn(RequestModel):
    """Which messages to replay, and what to try on them.

    `rules`: `draft` against what is published, or `records`: each decision again by the rules of its time, which
    must come out as it was recorded.
    """

    rules: Literal["draft", "records"] = "draft"
    days: Annotated[int, Field(ge=1, le=3660)] = 30
    kind: ShortText | None = None
    containing: ShortText | None = None


class ReplayExample(ResponseModel):
    """One message that would be decided otherwise."""

    message_id: str
    text: str | None
    change: Literal["gained", "lost", "changed", "otherwise", "mismatch"]
    before: dict[str, Any]
    after: dict[str, Any]


class ReplayOut(ResponseModel):
    """How far a replay is and what came out so far.

    `gained`, `lost`, `changed`: answers. `otherwise`: nothing is sent by either, for another reason. `items_before`
    and `items_after`: what quota is asked for by the messages that differ. `mismatches`: of records alone.
    """

    id: str
    state: Literal["running", "done"]
    rules: Literal["draft", "records"]
    rule_set: int
    since: datetime
    total: int
    done: int
    differ: int
    gained: int
    lost: int
    changed: int
    otherwise: int
    hand_offs_gained: int
    hand_offs_lost: int
    items_before: int
    items_after: int
    mismatches: int
    examples: list[ReplayExample]
    created_at: datetime
    updated_at: datetime


@router.post(
    "/v1/accounts/{account_id}/rule-trials",
    operation_id="try_rules",
    responses=errors(NotFound, IdempotencyKeyReused, IdempotencyKeyInUse),
)
async def try_rules(
    account_id: Id, body: TrialIn, key: OptionalKey, caller: Reader, deps: MessageDeps
) -> TrialOut:
    """Decide one message by the published rules and by the draft. Nothing is sent or kept."""
    trial = Trial(**{**body.model_dump(exclude={"does"}), "trigger": Trigger(body.does)})
    account = (caller.organization_id, account_id)
    once = Once(key, _trial_out, status=200)
    return _trial_out(await actions.try_rules(deps, account, trial, once))


@router.post(
    "/v1/accounts/{account_id}/rule-replays",
    operation_id="replay_rules",
    status_code=202,
    responses=errors(NotFound, IdempotencyKeyReused, IdempotencyKeyInUse),
)
async def replay_rules(
    account_id: Id,
    body: ReplayIn,
    key: OptionalKey,
    caller: Keeper,
    deps: MessageDeps,
    response: Response,
) -> ReplayOut:
    """Try the draft on what fans did before: a job that reports its progress."""
    account = (caller.organization_id, account_id)
    asked = (body.days, body.kind or "", body.containing or "")
    once = Once(key, _replay_out, status=202)
    of_draft = body.rules == "draft"
    made = await actions.ask_replay(deps, account, asked, of_draft=of_draft, once=once)
    response.headers["Location"] = f"/v1/accounts/{account_id}/rule-replays/{made.id}"
    return _replay_out(made)


@router.get(
    "/v1/accounts/{account_id}/rule-replays/{replay_id}",
    operation_id="get_rule_replay",
    responses=errors(NotFound),
)
async def get_rule_replay(
    account_id: Id, replay_id: Id, caller: Reader, deps: MessageDeps
) -> ReplayOut:
    """How far a replay is, and the difference so far."""
    account = (caller.organization_id, account_id)
    found, texts = await actions.find_replay(deps, account, replay_id)
    return _replay_out(found, texts)


def _trial_out(made: tuple[Decision, Decision]) -> TrialOut:
    published, draft = (_decision_out(decision) for decision in made)
    return TrialOut(
        rule_set=made[0].case.rules.version,
        same=published == draft,
        published=published,
        draft=draft,
    )


def _decision_out(decision: Decision) -> TrialDecision:
    return TrialDecision(
        outcome=decision.outcome,
        rule=rule_out(decision.rule) if decision.rule else None,
        items=[item_out(item) for item in decision.items],
        candidates=[CandidateOut.model_validate(c) for c in trace_of(decision)],
        owner_after=decision.after.owner,
        tags_after=list(decision.after.tags),
        webhook=WebhookNoticeOut(label=decision.notice.label) if decision.notice else None,
        lead_stage=decision.stage.stage if decision.stage else None,
    )


def _replay_out(found: Replay, texts: dict[str, str | None] | None = None) -> ReplayOut:
    said = texts or {}
    examples = [
        ReplayExample(**example, text=said.get(example["message_id"]))
        for example in found.result["examples"]
    ]
    counts = {name: value for name, value in found.result.items() if name != "examples"}
    return ReplayOut.model_validate(
        {
            **counts,
            "id": found.id,
            "state": found.state,
            "rules": "records" if found.changes is None else "draft",
            "rule_set": found.rule_set,
            "since": found.since,
            "total": found.total,
            "examples": examples,
            "created_at": found.created_at,
            "updated_at": found.updated_at,
        }
    )
