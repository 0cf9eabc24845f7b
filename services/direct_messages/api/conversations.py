"""Conversations, what happened in them, and what people write."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import Query, Request, Response
from pydantic import Field

from services.direct_messages import actions
from services.direct_messages.actions import (
    NoReplyContext,
    NotUnknown,
    QuotaExhausted,
    Reply,
    Taken,
)
from services.direct_messages.api.callers import (
    MessageCursors,
    MessageDeps,
    Reader,
    Sender,
)
from services.direct_messages.api.items import CardIn, item_of
from services.direct_messages.domain.conversations import (
    Conversation,
    Owner,
    Reason,
    Source,
    Starter,
)
from services.direct_messages.domain.items import TextReply
from shared.errors import BadRequest, Invalid, NotFound, PreconditionFailed, PreconditionRequired
from shared.http.errors import errors
from shared.http.idempotency import IdempotencyKeyInUse, IdempotencyKeyReused, Once, RequiredKey
from shared.http.limits import tell
from shared.http.models import FROM_TEXT, Id, RequestModel, ResponseModel, ShortText, Text
from shared.http.pages import AskedPage
from shared.http.routing import Router
from shared.http.versions import RequiredVersion

router = Router(tags=["conversations"])
_THE_END = datetime(9999, 1, 1, tzinfo=UTC)


class ConversationOut(ResponseModel):
    """One fan's conversation with one account, and who answers in it now.

    `source`: how the fan opened the chat page last; null: it was never told.
    """

    id: str
    account_id: str
    fan_open_id: str
    owner: Owner
    owner_reason: Reason | None
    owner_since: datetime | None
    last_inbound_at: datetime | None
    entered_at: datetime | None
    last_person_at: datetime | None
    created_at: datetime
    started_by: Starter
    source: Source | None
    tags: list[str]


class ConversationPage(ResponseModel):
    """Conversations, the newest first."""

    data: list[ConversationOut]
    next_cursor: str | None


class MomentOut(ResponseModel):
    """A message, with what was decided on it if a fan sent it; or a change of owner.

    `kind` is what the fan sent in the platform's word, what was sent in ours, or page_entered,
    followed, no_answer, owner_changed. `content` holds what belongs to a kind other than text.
    """

    id: str
    at: datetime
    kind: str
    direction: Literal["in", "out"] | None
    actor: str | None
    text: str | None
    state: str | None
    platform_message_id: str | None
    operation_id: str | None
    item: int | None
    answers: str | None
    code: int | None
    log_id: str | None
    reason: str | None
    cause: str | None
    owner: Owner | None
    message_id: str | None
    outcome: str | None
    rule_id: str | None
    content: dict[str, Any] | None


class Timeline(ResponseModel):
    """What happened, the newest first."""

    data: list[MomentOut]
    next_cursor: str | None


class ReplyIn(RequestModel):
    """A person's text, or one item of another kind.

    `supersedes` names a send whose outcome is unknown, to send it again.
    """

    text: Annotated[Text, Field(min_length=1, max_length=10_000)] | None = None
    item: CardIn | None = None
    supersedes: ShortText | None = None


class ReplyOut(ResponseModel):
    """The reply is on its way; look at the timeline for how it ended."""

    operation_id: str
    message_ids: list[str]
    state: Literal["queued"]
    conversation_id: str
    reservation_id: str
    cause: str


class OwnerIn(RequestModel):
    """Who shall answer."""

    owner: Annotated[Owner, FROM_TEXT]


@router.get(
    "/v1/accounts/{account_id}/conversations",
    operation_id="list_conversations",
    responses=errors(NotFound, BadRequest),
)
async def list_conversations(
    account_id: Id,
    caller: Reader,
    deps: MessageDeps,
    cursors: MessageCursors,
    page: AskedPage,
    fan: Annotated[ShortText | None, Query(description="open_id of a fan")] = None,
) -> ConversationPage:
    """Conversations of the account."""
    belongs = ("conversations", caller.organization_id, account_id, fan or "")
    before = str(cursors.read(page.cursor, *belongs)[0]) if page.cursor else ""
    account = (caller.organization_id, account_id)
    found = await actions.list_conversations(deps, account, fan or "", before, page.limit)
    more = cursors.write([found[-1][0].id], *belongs) if len(found) == page.limit else None
    return ConversationPage(
        data=[_conversation_out(conversation, owner) for conversation, owner in found],
        next_cursor=page.then(more),
    )


@router.get(
    "/v1/conversations/{conversation_id}",
    operation_id="get_conversation",
    responses=errors(NotFound),
)
async def get_conversation(
    conversation_id: Id, caller: Reader, deps: MessageDeps, response: Response
) -> ConversationOut:
    """One conversation."""
    found = await actions.find_conversation(deps, caller.organization_id, conversation_id)
    return _tagged(*found, response)


@router.get(
    "/v1/conversations/{conversation_id}/timeline",
    operation_id="get_timeline",
    responses=errors(NotFound, BadRequest),
)
async def get_timeline(
    conversation_id: Id,
    caller: Reader,
    deps: MessageDeps,
    cursors: MessageCursors,
    page: AskedPage,
) -> Timeline:
    """Messages, decisions and changes of owner."""
    belongs = ("timeline", caller.organization_id, conversation_id)
    before = (_THE_END, "")
    if page.cursor:
        at, moment_id = cursors.read(page.cursor, *belongs)
        before = (datetime.fromisoformat(at), moment_id)
    moments = await actions.read_timeline(
        deps, caller.organization_id, conversation_id, before, page.limit
    )
    more = None
    if len(moments) == page.limit:
        more = cursors.write([moments[-1].created_at.isoformat(), moments[-1].id], *belongs)
    return Timeline(data=[_moment_out(moment) for moment in moments], next_cursor=page.then(more))


@router.post(
    "/v1/conversations/{conversation_id}/messages",
    operation_id="send_message",
    status_code=202,
    responses=errors(
        *(BadRequest, NotFound, Invalid, IdempotencyKeyReused, IdempotencyKeyInUse),
        *(NoReplyContext, NotUnknown, QuotaExhausted, Taken),
    ),
)
async def send_message(  # noqa: PLR0913, PLR0917  each one is a part of the exchange
    conversation_id: Id,
    body: ReplyIn,
    key: RequiredKey,
    caller: Sender,
    deps: MessageDeps,
    request: Request,
    response: Response,
) -> ReplyOut:
    """Reply to a fan, within the quota, once a key. A person owns the conversation from then on.

    `RateLimit` tells what is left for the fan.
    """
    wanted = _wanted(conversation_id, body, caller.key_id)
    once = Once(key, ReplyOut.model_validate, 202)
    answer, left = await actions.reply(deps, caller.organization_id, key, wanted, once)
    tell(request.scope, *left)
    response.headers["Location"] = f"/v1/conversations/{conversation_id}/timeline"
    return ReplyOut.model_validate(answer)


@router.put(
    "/v1/conversations/{conversation_id}/owner",
    operation_id="set_conversation_owner",
    responses=errors(NotFound, Invalid, PreconditionRequired, PreconditionFailed),
)
async def set_conversation_owner(
    conversation_id: Id,
    body: OwnerIn,
    caller: Sender,
    deps: MessageDeps,
    expected: RequiredVersion,
    response: Response,
) -> ConversationOut:
    """Take the conversation, or give it back to the bot; with `If-Match: *` whoever has it meanwhile.

    With the conversation's ETag only if nobody took it since; messages that came do not matter.
    """
    conversation = (caller.organization_id, conversation_id)
    found = await actions.set_owner(deps, conversation, body.owner, expected)
    return _tagged(*found, response)


def _wanted(conversation_id: str, body: ReplyIn, key_id: str) -> Reply:
    if (body.text is None) is (body.item is None):
        raise Invalid("send either a text or an item", pointer="#/text")
    if body.item is not None:
        return Reply(conversation_id, item_of(body.item), "#/item", body.supersedes, key_id)
    return Reply(conversation_id, TextReply(body.text or ""), "#", body.supersedes, key_id)


def _tagged(conversation: Conversation, owner: Owner, response: Response) -> ConversationOut:
    response.headers["ETag"] = actions.conversation_tag(conversation, owner)
    return _conversation_out(conversation, owner)


def _conversation_out(conversation: Conversation, owner: Owner) -> ConversationOut:
    has_changed = owner is not conversation.owner  # a person fell silent
    return ConversationOut(
        id=conversation.id,
        account_id=conversation.account_id,
        fan_open_id=conversation.fan_open_id,
        owner=owner,
        owner_reason=Reason.PERSON_IDLE if has_changed else conversation.owner_reason,
        owner_since=conversation.owner_since,
        last_inbound_at=conversation.last_inbound_at,
        entered_at=conversation.entered_at,
        last_person_at=conversation.last_person_at,
        created_at=conversation.created_at,
        started_by=conversation.started_by,
        source=conversation.source,
        tags=list(conversation.tags),
    )


def _moment_out(moment: actions.Moment) -> MomentOut:
    renamed = {"at": moment.created_at, "rule_id": moment.fired}
    same = {name: getattr(moment, name) for name in MomentOut.model_fields if name not in renamed}
    return MomentOut.model_validate({**same, **renamed})
