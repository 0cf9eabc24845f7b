"""What people look at: conversations, timelines, the story of a decision."""

# ruff: noqa: S608  statements are put together from constants only

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.direct_messages.domain.conversations import Conversation
from services.direct_messages.domain.messages import Message, Operation
from services.direct_messages.store.conversations import conversation_from, message_from
from services.direct_messages.store.rows import read
from shared.db import Tx

# a tenant has few accounts: asked through them, an id alone finds its row by the primary key
_MINE = "organization_id = :org AND account_id = ANY(SELECT account_id FROM account WHERE organization_id = :org)"
_LIST = sa.text(
    "SELECT * FROM conversation WHERE organization_id = :org AND account_id = :acc"
    " AND (:before = '' OR id < :before) AND (:fan = '' OR fan_open_id = :fan)"
    " ORDER BY id DESC LIMIT :most"
)
_ONE = sa.text(f"SELECT * FROM conversation WHERE {_MINE} AND id = :id")
_LOCKED = sa.text(f"SELECT * FROM conversation WHERE {_MINE} AND id = :id FOR UPDATE")
_MESSAGE = sa.text(f"SELECT * FROM message WHERE {_MINE} AND id = :id")
_TENANT = "organization_id = :org AND account_id = :acc"
_ITEMS = sa.text(f"SELECT * FROM message WHERE {_TENANT} AND operation_id = :op ORDER BY item")
_OPERATION = sa.text(f"SELECT * FROM operation WHERE {_TENANT} AND id = :op")
_SUPERSEDING = sa.text(f"SELECT id FROM operation WHERE {_TENANT} AND supersedes = :op")
_DECISION = sa.text(
    "SELECT message_id, outcome, rule_id, operation_id, quota, record, decided_at FROM decision"
    f" WHERE {_TENANT} AND message_id = :id"
)
_OLDER = (
    f"{_TENANT} AND conversation_id = :conversation AND (created_at, id) < (:before_at, :before_id)"
    " ORDER BY created_at DESC, id DESC LIMIT :most"
)
_TIMELINE = sa.text(
    "SELECT t.*, d.outcome, d.rule_id AS fired FROM ("
    "(SELECT id, created_at, direction, actor, kind, text, state,"
    " coalesce(sent_id, platform_message_id) AS platform_message_id, operation_id, item, answers,"
    " code, log_id, reason, cause, NULL AS owner, NULL AS message_id, content"
    f" FROM message WHERE {_OLDER}) UNION ALL"
    " (SELECT id, created_at, NULL, NULL, 'owner_changed', NULL, NULL, NULL, NULL, NULL, NULL,"
    " NULL, NULL, reason, NULL, owner, message_id, NULL"
    f" FROM owner_change WHERE {_OLDER})) t"
    " LEFT JOIN decision d ON d.organization_id = :org AND d.account_id = :acc"
    " AND d.message_id = t.id ORDER BY t.created_at DESC, t.id DESC LIMIT :most"
)


@dataclass(frozen=True, slots=True)
class Moment:
    """One entry of a timeline: a message with what was decided on it, or a change of owner."""

    id: str
    created_at: datetime
    kind: str
    direction: str | None
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
    owner: str | None
    message_id: str | None
    content: dict[str, Any] | None
    outcome: str | None
    fired: str | None


@dataclass(frozen=True, slots=True)
class StoredDecision:
    """A decision as kept."""

    message_id: str
    outcome: str
    rule_id: str | None
    operation_id: str | None
    quota: dict[str, Any] | None
    record: dict[str, Any]
    decided_at: datetime


async def list_conversations(
    tx: Tx, tenant: tuple[str, str], fan: str, before: str, most: int
) -> list[Conversation]:
    """Conversations of the account that began before `before`, the newest first."""
    org, acc = tenant
    asked = {"org": org, "acc": acc, "fan": fan, "before": before, "most": most}
    return [conversation_from(row) for row in await tx.execute(_LIST, asked)]


async def conversation(
    tx: Tx, organization_id: str, conversation_id: str, *, lock: bool = False
) -> Conversation | None:
    """One conversation of the organisation."""
    asked = {"org": organization_id, "id": conversation_id}
    row = (await tx.execute(_LOCKED if lock else _ONE, asked)).first()
    return conversation_from(row) if row else None


async def message(tx: Tx, organization_id: str, message_id: str) -> Message | None:
    """One message of the organisation."""
    row = (await tx.execute(_MESSAGE, {"org": organization_id, "id": message_id})).first()
    return message_from(row) if row else None


async def items(tx: Tx, organization_id: str, account_id: str, operation_id: str) -> list[Message]:
    """The messages of one send, in order."""
    asked = {"org": organization_id, "acc": account_id, "op": operation_id}
    return [message_from(row) for row in await tx.execute(_ITEMS, asked)]


async def operation(
    tx: Tx, organization_id: str, account_id: str, operation_id: str
) -> Operation | None:
    """One send."""
    asked = {"org": organization_id, "acc": account_id, "op": operation_id}
    row = (await tx.execute(_OPERATION, asked)).first()
    return read(Operation, row) if row else None


async def superseding(
    tx: Tx, organization_id: str, account_id: str, operation_id: str
) -> str | None:
    """The operation that sends this one again; None when there is none."""
    asked = {"org": organization_id, "acc": account_id, "op": operation_id}
    found: str | None = (await tx.execute(_SUPERSEDING, asked)).scalar()
    return found


async def decision(
    tx: Tx, organization_id: str, account_id: str, message_id: str
) -> StoredDecision | None:
    """The decision on a message."""
    asked = {"org": organization_id, "acc": account_id, "id": message_id}
    row = (await tx.execute(_DECISION, asked)).first()
    return read(StoredDecision, row) if row else None


async def timeline(
    tx: Tx, found: Conversation, before: tuple[datetime, str], most: int
) -> list[Moment]:
    """What happened in the conversation before that point, the newest first."""
    asked = {
        "org": found.organization_id,
        "acc": found.account_id,
        "conversation": found.id,
        "before_at": before[0],
        "before_id": before[1],
        "most": most,
    }
    return [read(Moment, row) for row in await tx.execute(_TIMELINE, asked)]
