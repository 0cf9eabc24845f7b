"""Notes on conversations, what the rules would say, and replies that an account has ready."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Response
from pydantic import Field

from services.direct_messages import actions
from services.direct_messages.actions import CannedReply, NewNote, Note, ShortcutTaken
from services.direct_messages.api.callers import (
    Keeper,
    MessageCursors,
    MessageDeps,
    Reader,
    Sender,
    caller_of,
)
from services.direct_messages.api.items import ReplyItemOut, item_out
from shared.errors import (
    BadRequest,
    Forbidden,
    Invalid,
    NotFound,
    PreconditionFailed,
    PreconditionRequired,
)
from shared.http.errors import errors
from shared.http.idempotency import IdempotencyKeyInUse, IdempotencyKeyReused, Once, OptionalKey
from shared.http.models import Id, RequestModel, ResponseModel, ShortText, Text
from shared.http.pages import AskedPage
from shared.http.routing import Router
from shared.http.versions import RequiredVersion, etag

router = Router(tags=["agents"])
_THE_END = datetime(9999, 1, 1, tzinfo=UTC)
_REUSED = (IdempotencyKeyReused, IdempotencyKeyInUse)


class NoteIn(RequestModel):
    """A note for the other agents. `mentions` are ids of agents."""

    text: Annotated[Text, Field(min_length=1, max_length=10_000)]
    mentions: Annotated[list[ShortText], Field(max_length=20)] = Field(default_factory=list)
    agent_id: ShortText | None = None


class NoteOut(ResponseModel):
    """A note; the fan never sees it."""

    id: str
    conversation_id: str
    agent_id: str | None
    mentions: list[str]
    text: str
    created_at: datetime


class NotePage(ResponseModel):
    """Notes, the newest first."""

    data: list[NoteOut]
    next_cursor: str | None


class SuggestionOut(ResponseModel):
    """What one rule would say."""

    rule_id: str
    name: str
    replies: list[ReplyItemOut]


class SuggestionList(ResponseModel):
    """What the rules would say to the fan's last text, the best first. Nothing was sent."""

    message_id: str | None
    data: list[SuggestionOut]


class CannedReplyIn(RequestModel):
    """A text and the short word under which it is found."""

    shortcut: Annotated[Text, Field(min_length=1, max_length=50)]
    text: Annotated[Text, Field(min_length=1, max_length=10_000)]


class CannedReplyOut(ResponseModel):
    """A reply kept ready; its ETag is the version in quotes."""

    id: str
    version: int
    shortcut: str
    text: str
    created_at: datetime
    updated_at: datetime


class CannedReplyPage(ResponseModel):
    """Replies kept ready, the oldest first."""

    data: list[CannedReplyOut]
    next_cursor: str | None


@router.get(
    "/v1/conversations/{conversation_id}/notes",
    operation_id="list_notes",
    responses=errors(NotFound, BadRequest),
)
async def list_notes(
    conversation_id: Id, caller: Reader, deps: MessageDeps, cursors: MessageCursors, page: AskedPage
) -> NotePage:
    """Notes on a conversation."""
    belongs = ("notes", caller.organization_id, conversation_id)
    before = (_THE_END, "")
    if page.cursor:
        at, last = cursors.read(page.cursor, *belongs)
        before = (datetime.fromisoformat(at), last)
    found = await actions.list_notes(
        deps, caller.organization_id, conversation_id, before, page.limit
    )
    more = None
    if len(found) == page.limit:
        more = cursors.write([found[-1].created_at.isoformat(), found[-1].id], *belongs)
    return NotePage(data=[note_out(note) for note in found], next_cursor=page.then(more))


@router.post(
    "/v1/conversations/{conversation_id}/notes",
    operation_id="add_note",
    status_code=201,
    responses=errors(NotFound, Invalid, Forbidden, *_REUSED),
)
async def add_note(
    conversation_id: Id, body: NoteIn, key: OptionalKey, caller: Sender, deps: MessageDeps
) -> NoteOut:
    """Note something for the other agents."""
    wanted = NewNote(conversation_id, body.text, tuple(body.mentions), body.agent_id)
    made = await actions.add_note(deps, caller_of(caller), wanted, Once(key, note_out))
    return note_out(made)


@router.get(
    "/v1/conversations/{conversation_id}/suggestions",
    operation_id="list_suggestions",
    responses=errors(NotFound),
)
async def list_suggestions(
    conversation_id: Id, caller: Reader, deps: MessageDeps
) -> SuggestionList:
    """What the bot would answer, for an agent to take up."""
    found = await actions.suggest(deps, caller.organization_id, conversation_id)
    return SuggestionList(
        message_id=found.message_id,
        data=[
            SuggestionOut(
                rule_id=rule.id,
                name=rule.definition.name,
                replies=[item_out(reply) for reply in rule.definition.replies],
            )
            for rule in found.rules
        ],
    )


@router.get(
    "/v1/accounts/{account_id}/canned-replies",
    operation_id="list_canned_replies",
    responses=errors(NotFound, BadRequest),
)
async def list_canned_replies(
    account_id: Id, caller: Reader, deps: MessageDeps, cursors: MessageCursors, page: AskedPage
) -> CannedReplyPage:
    """Replies that the account has ready."""
    belongs = ("canned-replies", caller.organization_id, account_id)
    after = str(cursors.read(page.cursor, *belongs)[0]) if page.cursor else ""
    account = (caller.organization_id, account_id)
    found = await actions.list_canned_replies(deps, account, after, page.limit)
    more = cursors.write([found[-1].id], *belongs) if len(found) == page.limit else None
    return CannedReplyPage(data=[canned_out(one) for one in found], next_cursor=page.then(more))


@router.post(
    "/v1/accounts/{account_id}/canned-replies",
    operation_id="add_canned_reply",
    status_code=201,
    responses=errors(NotFound, Invalid, ShortcutTaken, *_REUSED),
)
async def add_canned_reply(
    account_id: Id,
    body: CannedReplyIn,
    key: OptionalKey,
    caller: Keeper,
    deps: MessageDeps,
    response: Response,
) -> CannedReplyOut:
    """Keep a reply ready."""
    account, words = (caller.organization_id, account_id), (body.shortcut, body.text)
    made = await actions.add_canned_reply(deps, account, words, Once(key, canned_out))
    response.headers["Location"] = f"/v1/accounts/{account_id}/canned-replies"
    return _tagged(made, response)


@router.put(
    "/v1/accounts/{account_id}/canned-replies/{reply_id}",
    operation_id="change_canned_reply",
    responses=errors(NotFound, Invalid, ShortcutTaken, PreconditionRequired, PreconditionFailed),
)
async def change_canned_reply(  # noqa: PLR0913, PLR0917  each one is a part of the request
    account_id: Id,
    reply_id: Id,
    body: CannedReplyIn,
    caller: Keeper,
    deps: MessageDeps,
    response: Response,
    expected: RequiredVersion,
) -> CannedReplyOut:
    """Replace a reply kept ready, if nobody changed it meanwhile."""
    account, words = (caller.organization_id, account_id), (body.shortcut, body.text)
    changed = await actions.change_canned_reply(deps, account, reply_id, expected, words)
    return _tagged(changed, response)


@router.delete(
    "/v1/accounts/{account_id}/canned-replies/{reply_id}",
    operation_id="delete_canned_reply",
    status_code=204,
    responses=errors(NotFound, PreconditionRequired, PreconditionFailed),
)
async def delete_canned_reply(
    account_id: Id, reply_id: Id, caller: Keeper, deps: MessageDeps, expected: RequiredVersion
) -> None:
    """Delete a reply kept ready."""
    account = (caller.organization_id, account_id)
    await actions.delete_canned_reply(deps, account, reply_id, expected)


def note_out(note: Note) -> NoteOut:
    """The note as agents see it."""
    return NoteOut(
        id=note.id,
        conversation_id=note.conversation_id,
        agent_id=note.agent_id,
        mentions=list(note.mentions),
        text=note.text,
        created_at=note.created_at,
    )


def canned_out(reply: CannedReply) -> CannedReplyOut:
    """The reply as agents see it."""
    return CannedReplyOut(
        id=reply.id,
        version=reply.version,
        shortcut=reply.shortcut,
        text=reply.text,
        created_at=reply.created_at,
        updated_at=reply.updated_at,
    )


def _tagged(reply: CannedReply, response: Response) -> CannedReplyOut:
    response.headers["ETag"] = etag(reply.version)
    return canned_out(reply)
