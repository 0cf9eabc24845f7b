"""Notes on conversations, replies kept ready, and what the rules would say."""

from dataclasses import dataclass, replace
from datetime import datetime

from services.direct_messages import store
from services.direct_messages.actions.agents import Caller, acting
from services.direct_messages.actions.deps import Deps
from services.direct_messages.actions.errors import ShortcutTaken
from services.direct_messages.domain.conversations import Conversation
from services.direct_messages.domain.items import TextReply, item_faults, said_by_person
from services.direct_messages.domain.rules import Rule
from services.direct_messages.domain.texts import normalise
from services.direct_messages.store import HOLDER, Account, CannedReply, News, Note
from shared import ids
from shared.db import Conflict, Tx
from shared.errors import Invalid, NotFound
from shared.http.idempotency import EACH_TIME, Once
from shared.http.versions import Precondition, etag

_SUGGESTED = 3


@dataclass(frozen=True, slots=True)
class NewNote:
    """What an agent wants to note."""

    conversation_id: str
    text: str
    mentions: tuple[str, ...]
    agent_id: str | None


@dataclass(frozen=True, slots=True)
class Suggestions:
    """What the rules would say to the fan's last text (None: she wrote none)."""

    message_id: str | None
    rules: list[Rule]


async def add_note(
    deps: Deps, caller: Caller, wanted: NewNote, once: Once[Note] = EACH_TIME
) -> Note:
    """Note something for the other agents. Raises NotFound, Invalid, Forbidden, Replayed."""
    async with deps.database.transaction(caller.organization_id) as tx:
        await once.begin(tx, caller.organization_id)
        found = await _conversation(tx, caller.organization_id, wanted.conversation_id)
        agent = await acting(tx, caller, wanted.agent_id)
        for number, mentioned in enumerate(wanted.mentions):
            if await store.agent(tx, caller.organization_id, mentioned) is None:
                raise Invalid("no such agent", pointer=f"#/mentions/{number}")
        note = Note(
            organization_id=found.organization_id,
            account_id=found.account_id,
            id=ids.new("note"),
            conversation_id=found.id,
            agent_id=agent.id,
            mentions=wanted.mentions,
            text=wanted.text,
            created_at=tx.now,
        )
        await store.add_note(tx, note)
        await store.add_news(tx, [_news(note, to) for to in (HOLDER, *note.mentions)])
        await once.keep(tx, caller.organization_id, note)
        return note


def _news(note: Note, to: str) -> News:
    data = {"note_id": note.id, "by": note.agent_id, "mentioned": to != HOLDER}
    place = (note.organization_id, note.account_id, note.conversation_id)
    return News(*place, "note_added", data, to)


async def list_notes(
    deps: Deps,
    organization_id: str,
    conversation_id: str,
    before: tuple[datetime, str],
    most: int,
) -> list[Note]:
    """Notes on a conversation, the newest first. Raises NotFound."""
    async with deps.database.transaction(organization_id) as tx:
        found = await _conversation(tx, organization_id, conversation_id)
        return await store.list_notes(tx, _key(found), before, most)


async def suggest(deps: Deps, organization_id: str, conversation_id: str) -> Suggestions:
    """What the rules would answer, for an agent to take up. Nothing is sent. Raises NotFound."""
    async with deps.database.transaction(organization_id) as tx:
        found = await _conversation(tx, organization_id, conversation_id)
        said = await store.last_said(tx, _key(found))
        account = (found.organization_id, found.account_id)
        setting = (await deps.catalogue.settings(tx, [account])).get(account)
    if said is None or setting is None:
        return Suggestions(None, [])
    text = normalise(said[1][: setting.policy.text_chars])
    matched = list(setting.rules.matches(text))[:_SUGGESTED]
    return Suggestions(said[0], [candidate.rule for candidate in matched])


async def list_canned_replies(
    deps: Deps, account: Account, after: str, most: int
) -> list[CannedReply]:
    """Replies that the account has ready. Raises NotFound."""
    async with deps.database.transaction(account[0]) as tx:
        await _check_account(tx, account)
        return await store.list_canned_replies(tx, account, after, most)


async def add_canned_reply(
    deps: Deps,
    account: Account,
    words: tuple[str, str],
    once: Once[CannedReply] = EACH_TIME,
) -> CannedReply:
    """Keep (shortcut, text) ready. Raises NotFound, Invalid, ShortcutTaken, Replayed."""
    async with deps.database.transaction(account[0]) as tx:
        await once.begin(tx, account[0])
        await _check(deps, tx, account, words[1])
        reply = CannedReply(*account, ids.new("can"), *words, 1, tx.now, tx.now)
        await _put(tx, reply)
        await once.keep(tx, account[0], reply)
        return reply


async def change_canned_reply(
    deps: Deps, account: Account, reply_id: str, expected: Precondition, words: tuple[str, str]
) -> CannedReply:
    """Other words, if nobody changed them meanwhile. Raises NotFound, Invalid, ShortcutTaken."""
    async with deps.database.transaction(account[0]) as tx:
        found = await _canned(tx, account, reply_id, expected)
        await _check(deps, tx, account, words[1])
        changed = replace(
            found, shortcut=words[0], text=words[1], version=found.version + 1, updated_at=tx.now
        )
        await _put(tx, changed)
        return changed


async def delete_canned_reply(
    deps: Deps, account: Account, reply_id: str, expected: Precondition
) -> None:
    """It is gone, if it still was as the caller saw it. Raises NotFound."""
    async with deps.database.transaction(account[0]) as tx:
        await _canned(tx, account, reply_id, expected)
        await store.drop_canned_reply(tx, account, reply_id)


async def _canned(tx: Tx, account: Account, reply_id: str, expected: Precondition) -> CannedReply:
    found = await store.canned_reply(tx, account, reply_id)
    if found is None:
        raise NotFound("no such reply")
    expected.check(etag(found.version))
    return found


async def _put(tx: Tx, reply: CannedReply) -> None:
    try:
        await store.put_canned_reply(tx, reply)
    except Conflict as conflict:
        if conflict.constraint != "uq_canned_reply_shortcut":
            raise
        raise ShortcutTaken("another reply has this shortcut", pointer="#/shortcut") from None


async def _check_account(tx: Tx, account: Account) -> None:
    if account not in await store.heads(tx, [account]):
        raise NotFound("no such account")


async def _check(deps: Deps, tx: Tx, account: Account, text: str) -> None:
    await _check_account(tx, account)
    setting = (await deps.catalogue.settings(tx, [account])).get(account)
    if setting is None:
        raise NotFound("no such account")
    faults = item_faults(TextReply(text), setting.policy, "#", said_by_person(setting.policy))
    if fault := next(faults, None):
        raise Invalid(fault.detail, pointer=fault.pointer, policy_key=fault.policy_key)


async def _conversation(tx: Tx, organization_id: str, conversation_id: str) -> Conversation:
    found = await store.conversation(tx, organization_id, conversation_id)
    if found is None:
        raise NotFound("no such conversation")
    return found


def _key(found: Conversation) -> tuple[str, str, str]:
    return found.organization_id, found.account_id, found.id
