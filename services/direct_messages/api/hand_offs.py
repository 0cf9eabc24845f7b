"""What waits for people, and what an agent does with it."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Query

from services.direct_messages import actions
from services.direct_messages.actions import AskedHandOffs, NotWithPeople, Place, Taken
from services.direct_messages.api.callers import (
    MessageCursors,
    MessageDeps,
    Reader,
    Sender,
    caller_of,
)
from services.direct_messages.domain.conversations import Reason
from services.direct_messages.domain.handing_over import HandOff, HandOffStage
from shared.errors import BadRequest, Forbidden, Invalid, NotFound
from shared.http.errors import errors
from shared.http.idempotency import (
    IdempotencyKey,
    IdempotencyKeyInUse,
    IdempotencyKeyReused,
    Once,
    OptionalKey,
)
from shared.http.models import Id, RequestModel, ResponseModel, ShortText
from shared.http.pages import AskedPage
from shared.http.routing import Router

router = Router(tags=["agents"])
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_ERRORS = (NotFound, Invalid, Forbidden, Taken, IdempotencyKeyReused, IdempotencyKeyInUse)


class AgentActIn(RequestModel):
    """For which agent the caller acts; not needed where the API key speaks for one."""

    agent_id: ShortText | None = None


class TransferIn(AgentActIn):
    """To whom: an agent, or whoever has a skill; neither: to anybody else."""

    to_agent_id: ShortText | None = None
    skill: ShortText | None = None


class HandOffOut(ResponseModel):
    """One stay of a conversation with people. `due_at`: when time moves it, unless somebody does."""

    id: str
    account_id: str
    conversation_id: str
    fan_open_id: str
    reason: Reason
    skill: str | None
    urgent: bool
    stage: HandOffStage
    agent_id: str | None
    passed_over: list[str]
    queued_at: datetime
    accepted_at: datetime | None
    ended_at: datetime | None
    end_reason: Reason | None
    noticed_at: datetime | None
    due_at: datetime | None


class HandOffPage(ResponseModel):
    """Hand-offs, the oldest first."""

    data: list[HandOffOut]
    next_cursor: str | None


@router.get("/v1/hand-offs", operation_id="list_hand_offs", responses=errors(BadRequest))
async def list_hand_offs(
    caller: Reader,
    deps: MessageDeps,
    cursors: MessageCursors,
    page: AskedPage,
    stage: Annotated[HandOffStage | None, Query(description="only those at this stage")] = None,
    agent_id: Annotated[ShortText | None, Query(description="only those of this agent")] = None,
) -> HandOffPage:
    """What is with people or waits for them: the inbox of an agent, or of all."""
    belongs = ("hand-offs", caller.organization_id, stage or "", agent_id or "")
    after = (_BEGINNING, "")
    if page.cursor:
        at, last = cursors.read(page.cursor, *belongs)
        after = (datetime.fromisoformat(at), last)
    asked = AskedHandOffs(stage or "", agent_id or "", after, page.limit)
    found = await actions.list_hand_offs(deps, caller.organization_id, asked)
    more = None
    if len(found) == page.limit:
        more = cursors.write([found[-1].queued_at.isoformat(), found[-1].id], *belongs)
    return HandOffPage(data=[hand_off_out(one) for one in found], next_cursor=page.then(more))


@router.post(
    "/v1/conversations/{conversation_id}/accept",
    operation_id="accept_conversation",
    responses=errors(*_ERRORS),
)
async def accept_conversation(
    conversation_id: Id, body: AgentActIn, key: OptionalKey, caller: Sender, deps: MessageDeps
) -> HandOffOut:
    """Take a conversation, queued or not; the bot is silent from then on.

    Of two who accept at once one has it, the other gets 409 with who. Repeated, nothing changes.
    """
    place = _place(conversation_id, body, key)
    return hand_off_out(await actions.accept(deps, caller_of(caller), place))


@router.post(
    "/v1/conversations/{conversation_id}/transfer",
    operation_id="transfer_conversation",
    responses=errors(*_ERRORS, NotWithPeople),
)
async def transfer_conversation(
    conversation_id: Id, body: TransferIn, key: OptionalKey, caller: Sender, deps: MessageDeps
) -> HandOffOut:
    """Offer it to another agent, or put it back into the queue for somebody with a skill."""
    place = _place(conversation_id, body, key)
    moved = await actions.transfer(deps, caller_of(caller), place, body.to_agent_id, body.skill)
    return hand_off_out(moved)


@router.post(
    "/v1/conversations/{conversation_id}/decline",
    operation_id="decline_conversation",
    responses=errors(*_ERRORS, NotWithPeople),
)
async def decline_conversation(
    conversation_id: Id, body: AgentActIn, key: OptionalKey, caller: Sender, deps: MessageDeps
) -> HandOffOut:
    """Not take what is offered: the next agent is asked at once."""
    place = _place(conversation_id, body, key)
    return hand_off_out(await actions.decline(deps, caller_of(caller), place))


@router.post(
    "/v1/conversations/{conversation_id}/finish",
    operation_id="finish_conversation",
    responses=errors(*_ERRORS, NotWithPeople),
)
async def finish_conversation(
    conversation_id: Id, body: AgentActIn, key: OptionalKey, caller: Sender, deps: MessageDeps
) -> HandOffOut:
    """Answered, with notes still to write: it takes none of the agent's capacity any more."""
    place = _place(conversation_id, body, key)
    return hand_off_out(await actions.finish(deps, caller_of(caller), place))


@router.post(
    "/v1/conversations/{conversation_id}/return",
    operation_id="return_conversation",
    responses=errors(*_ERRORS, NotWithPeople),
)
async def return_conversation(
    conversation_id: Id, body: AgentActIn, key: OptionalKey, caller: Sender, deps: MessageDeps
) -> HandOffOut:
    """Give it back to the bot."""
    place = _place(conversation_id, body, key)
    return hand_off_out(await actions.give_back(deps, caller_of(caller), place))


def _place(conversation_id: str, body: AgentActIn, key: IdempotencyKey | None) -> Place:
    return Place(conversation_id, body.agent_id, Once(key, hand_off_out, 200))


def hand_off_out(found: HandOff) -> HandOffOut:
    """The hand-off as people see it."""
    fields = {name: getattr(found, name) for name in HandOffOut.model_fields}
    return HandOffOut.model_validate({**fields, "passed_over": list(found.passed_over)})
