"""What agents write for each other: notes on a conversation, and replies kept ready."""

# ruff: noqa: S608  statements are put together from constants only

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from services.direct_messages.store.people_tables import canned_replies, notes
from services.direct_messages.store.rows import as_rows, insert, read
from shared.db import Tx

_TENANT = "organization_id = :org AND account_id = :acc"
_ADD_NOTE = insert(notes)
_NOTES = sa.text(
    f"SELECT * FROM note WHERE {_TENANT} AND conversation_id = :conv"
    " AND (created_at, id) < (:at, :id) ORDER BY created_at DESC, id DESC LIMIT :most"
)
_PUT_CANNED = insert(
    canned_replies,
    "ON CONFLICT (organization_id, account_id, id) DO UPDATE SET shortcut = excluded.shortcut,"
    " text = excluded.text, version = excluded.version, updated_at = excluded.updated_at",
)
_CANNED = sa.text(
    f"SELECT * FROM canned_reply WHERE {_TENANT} AND id > :after ORDER BY id LIMIT :most"
)
_ONE_CANNED = sa.text(f"SELECT * FROM canned_reply WHERE {_TENANT} AND id = :id FOR UPDATE")
_DROP_CANNED = sa.text(f"DELETE FROM canned_reply WHERE {_TENANT} AND id = :id")
_LAST_SAID = sa.text(
    f"SELECT id, text FROM message WHERE {_TENANT} AND conversation_id = :conv"
    " AND direction = 'in' AND text IS NOT NULL ORDER BY created_at DESC, id DESC LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class Note:
    """What one agent tells the others; the fan never sees it."""

    organization_id: str
    account_id: str
    id: str
    conversation_id: str
    agent_id: str | None
    mentions: tuple[str, ...]  # agents who shall read it
    text: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class CannedReply:
    """A text that agents of an account have ready under a short word."""

    organization_id: str
    account_id: str
    id: str
    shortcut: str
    text: str
    version: int
    created_at: datetime
    updated_at: datetime


async def add_note(tx: Tx, note: Note) -> None:
    """Keep a note."""
    await tx.execute(_ADD_NOTE, as_rows([note]))


async def list_notes(
    tx: Tx, conversation: tuple[str, str, str], before: tuple[datetime, str], most: int
) -> list[Note]:
    """Notes on (organization, account, conversation), the newest first."""
    org, acc, conv = conversation
    asked = {"org": org, "acc": acc, "conv": conv, "at": before[0], "id": before[1]}
    return [read(Note, row) for row in await tx.execute(_NOTES, {**asked, "most": most})]


async def put_canned_reply(tx: Tx, reply: CannedReply) -> None:
    """Add or replace it. Raises Conflict when the account has the shortcut already."""
    await tx.execute(_PUT_CANNED, as_rows([reply]))


async def canned_reply(tx: Tx, account: tuple[str, str], reply_id: str) -> CannedReply | None:
    """One of the account, locked."""
    asked = {"org": account[0], "acc": account[1], "id": reply_id}
    row = (await tx.execute(_ONE_CANNED, asked)).first()
    return read(CannedReply, row) if row else None


async def list_canned_replies(
    tx: Tx, account: tuple[str, str], after: str, most: int
) -> list[CannedReply]:
    """Those of the account behind `after`, the oldest first."""
    asked = {"org": account[0], "acc": account[1], "after": after, "most": most}
    return [read(CannedReply, row) for row in await tx.execute(_CANNED, asked)]


async def drop_canned_reply(tx: Tx, account: tuple[str, str], reply_id: str) -> None:
    """It is gone."""
    await tx.execute(_DROP_CANNED, {"org": account[0], "acc": account[1], "id": reply_id})


async def last_said(tx: Tx, conversation: tuple[str, str, str]) -> tuple[str, str] | None:
    """(id, text) of the fan's last text in (organization, account, conversation)."""
    org, acc, conv = conversation
    row = (await tx.execute(_LAST_SAID, {"org": org, "acc": acc, "conv": conv})).first()
    return (row[0], row[1]) if row else None
