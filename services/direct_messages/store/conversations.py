"""Conversations, their messages, sends and decisions. Every statement handles a whole batch."""

# ruff: noqa: S608  statements are put together from constants only

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from typing import Any

import sqlalchemy as sa

from services.direct_messages.domain.conversations import (
    Conversation,
    Owner,
    Reason,
    Source,
    Starter,
)
from services.direct_messages.domain.flows import load_waiting
from services.direct_messages.domain.messages import (
    Actor,
    Message,
    Operation,
    OwnerChange,
    Settlement,
    State,
)
from services.direct_messages.store import tables
from services.direct_messages.store.rows import as_rows, columns, insert, read
from services.direct_messages.store.tables import Fan
from shared.db import Row, Tx

_KEYS = "unnest(CAST(:org AS text[]), CAST(:acc AS text[]), CAST(:key AS text[])) k(o, a, i)"
_OF_KEY = " ON x.organization_id = k.o AND x.account_id = k.a"
_BY_FAN = sa.text(f"SELECT x.* FROM {_KEYS} JOIN conversation x{_OF_KEY} AND x.fan_open_id = k.i")
_HEARD = sa.text(
    "SELECT x.organization_id, x.account_id, x.platform_message_id"
    # said aloud: a join alone does not tell the planner that the partial index will do
    f" FROM {_KEYS} JOIN message x{_OF_KEY} AND x.platform_message_id = k.i"
    " WHERE x.direction = 'in' AND x.platform_message_id IS NOT NULL"
)
_KEPT_FIELDS = ("organization_id", "account_id", "id", "fan_open_id", "created_at", "started_by")
_SAVE = insert(
    tables.conversations,
    "ON CONFLICT (organization_id, account_id, fan_open_id) DO UPDATE SET "
    + ", ".join(
        f"{c.name} = excluded.{c.name}"
        for c in tables.conversations.c
        if c.name not in _KEPT_FIELDS
    )
    + " WHERE conversation.version = excluded.version - 1 RETURNING id",
    version="r.version + 1",
)
_ADD_MESSAGES = insert(tables.messages, "ON CONFLICT DO NOTHING RETURNING id")
_ADD_OPERATIONS = insert(
    tables.operations,
    # an operation that was given up may be asked for again, but only under a newer reservation:
    # of all that it ever had, the row names the newest that was given up, and ids sort by time
    "ON CONFLICT (organization_id, account_id, id) DO UPDATE SET state = excluded.state,"
    " reservation_id = excluded.reservation_id, items = excluded.items,"
    " conversation_id = excluded.conversation_id, created_at = excluded.created_at"
    " WHERE operation.state = 'not_requested'"
    ' AND operation.reservation_id COLLATE "C" < excluded.reservation_id RETURNING id',
)
_RESERVED = sa.text(
    f"SELECT x.organization_id, x.account_id, x.id, x.reservation_id FROM {_KEYS}"
    f" JOIN operation x{_OF_KEY} AND x.id = k.i"
)
_ADD_DECISIONS = insert(tables.decisions)
_ADD_OWNER_CHANGES = insert(tables.owner_changes)
_SETTLE = sa.text(
    "UPDATE message m SET state = s.state, code = s.code, log_id = s.log_id, reason = s.reason,"
    " sent_id = coalesce(s.sent_id, m.sent_id)"
    " FROM unnest(CAST(:org AS text[]), CAST(:acc AS text[]), CAST(:op AS text[]),"
    " CAST(:item AS int[]), CAST(:state AS text[]), CAST(:rank AS int[]), CAST(:pid AS text[]),"
    " CAST(:code AS int[]), CAST(:log AS text[]), CAST(:reason AS text[]))"
    " s(o, a, operation_id, item, state, rank, sent_id, code, log_id, reason)"
    " WHERE m.organization_id = s.o AND m.account_id = s.a AND m.operation_id = s.operation_id"
    " AND m.item = s.item AND m.operation_id IS NOT NULL AND s.rank >"
    " array_position(ARRAY['queued', 'unknown', 'failed', 'sent'], m.state) - 1"
    " RETURNING m.*"
)


async def conversations_of(tx: Tx, fans: Iterable[Fan]) -> dict[Fan, Conversation]:
    """The conversations of these fans, of those who have one."""
    found = await tx.execute(_BY_FAN, columns(sorted(set(fans)), "org acc key"))
    read_all = (conversation_from(row) for row in found)
    return {(c.organization_id, c.account_id, c.fan_open_id): c for c in read_all}


async def heard_before(tx: Tx, inbound: Iterable[Fan]) -> set[Fan]:
    """Which of these platform message ids (organization, account, id) are stored already."""
    found = await tx.execute(_HEARD, columns(sorted(set(inbound)), "org acc key"))
    return {(r[0], r[1], r[2]) for r in found}


async def save_conversations(tx: Tx, changed: Sequence[Conversation]) -> bool:
    """Save each as the next version. False if any was saved by somebody else meanwhile."""
    in_order = sorted(changed, key=lambda c: (c.organization_id, c.account_id, c.fan_open_id))
    return len(await tx.execute(_SAVE, as_rows(in_order))) == len(in_order)


async def add_messages(tx: Tx, new: Sequence[Message]) -> bool:
    """False if any of them is stored already."""
    return len(await tx.execute(_ADD_MESSAGES, as_rows(new))) == len(new)


async def add_operations(tx: Tx, new: Sequence[Operation]) -> set[str]:
    """The ids of those that are ours now; of the others somebody else disposed before."""
    return {row[0] for row in await tx.execute(_ADD_OPERATIONS, as_rows(new))}


async def reservations_of(tx: Tx, operations: Iterable[Fan]) -> dict[Fan, str]:
    """What these operations (organization, account, operation) were asked for, or given up, under."""
    found = await tx.execute(_RESERVED, columns(sorted(set(operations)), "org acc key"))
    return {(row[0], row[1], row[2]): row[3] for row in found}


async def add_decisions(tx: Tx, new: Sequence[dict[str, Any]]) -> None:
    """Keep decisions for ever."""
    await tx.execute(_ADD_DECISIONS, as_rows(new))


async def add_owner_changes(tx: Tx, new: Sequence[OwnerChange]) -> None:
    """Note that conversations changed their owner."""
    await tx.execute(_ADD_OWNER_CHANGES, as_rows(new))


async def settle(tx: Tx, settlements: Iterable[Settlement]) -> list[Message]:
    """Write how items ended; only forwards, `sent` beats everything. The messages that changed."""
    best: dict[tuple[str, str, str, int], Settlement] = {}
    for s in settlements:
        key = (s.organization_id, s.account_id, s.operation_id, s.item)
        if key not in best or s.rank > best[key].rank:
            best[key] = s
    rows = [
        (
            *(key[0], key[1], key[2], key[3], s.state, s.rank),
            *(s.platform_message_id, s.code, s.log_id, s.reason),
        )
        for key, s in sorted(best.items())
    ]
    found = await tx.execute(
        _SETTLE, columns(rows, "org acc op item state rank pid code log reason")
    )
    return [message_from(row) for row in found]


def conversation_from(row: Row) -> Conversation:
    """A row of the table, typed."""
    found = dict(row.items())
    found["owner"] = Owner(found["owner"])
    found["owner_reason"] = Reason(found["owner_reason"]) if found["owner_reason"] else None
    found["inbound_at"] = tuple(found["inbound_at"])
    found["auto_sent_at"] = tuple(found["auto_sent_at"])
    found["started_by"] = Starter(found["started_by"])
    found["source"] = Source(found["source"]) if found["source"] else None
    found["tags"] = tuple(found["tags"])
    found["flow"] = load_waiting(found["flow"])
    return Conversation(**{f.name: found[f.name] for f in fields(Conversation)})


def message_from(row: Row) -> Message:
    """A row of the table, typed."""
    found: Message = read(Message, row)
    return replace(
        found,
        state=State(found.state),
        actor=Actor(found.actor),
        platform_message_id=row["sent_id"] or found.platform_message_id,
    )
