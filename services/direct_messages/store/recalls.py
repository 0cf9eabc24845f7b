"""What was taken back, told before or after the message itself."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from services.direct_messages.store import tables
from services.direct_messages.store.rows import as_rows, insert
from shared.db import Tx

_ADD = insert(
    tables.recalls,
    "ON CONFLICT DO NOTHING",
    heard_at="CAST(:now AS timestamptz)",
    applied="false",
)
_APPLY = sa.text(
    "WITH due AS (SELECT organization_id, account_id, platform_message_id, fan_open_id FROM recall"
    " WHERE NOT applied AND heard_at > CAST(:now AS timestamptz) - interval '1 day' ORDER BY heard_at LIMIT 500),"
    # each is looked up by its key (OFFSET 0), else the planner walks through all messages
    " found AS (SELECT m.place FROM due d CROSS JOIN LATERAL (SELECT m.ctid AS place"
    "  FROM conversation c JOIN message m ON m.organization_id = c.organization_id"
    "  AND m.account_id = c.account_id AND m.conversation_id = c.id"
    "  WHERE c.organization_id = d.organization_id AND c.account_id = d.account_id"
    "  AND c.fan_open_id = d.fan_open_id AND coalesce(m.sent_id, m.platform_message_id) = d.platform_message_id"
    "  AND m.state <> 'recalled' OFFSET 0) m),"
    " gone AS (UPDATE message m SET state = 'recalled' WHERE m.ctid = ANY(ARRAY(SELECT place FROM found))"
    "  RETURNING m.organization_id, m.account_id,"
    "  coalesce(m.sent_id, m.platform_message_id) AS platform_message_id)"
    " UPDATE recall r SET applied = true FROM gone g WHERE r.organization_id = g.organization_id"
    " AND r.account_id = g.account_id AND r.platform_message_id = g.platform_message_id"
)
_REFUSED = sa.text(
    "UPDATE message m SET reason = :reason, code = :code, log_id = :log_id FROM conversation c"
    " WHERE c.organization_id = :org AND c.account_id = :acc AND c.fan_open_id = :fan"
    " AND m.organization_id = c.organization_id AND m.account_id = c.account_id"
    " AND m.conversation_id = c.id AND coalesce(m.sent_id, m.platform_message_id) = :pid AND m.state = 'sent'"
)


@dataclass(frozen=True, slots=True)
class Recalled:
    """A message of a conversation with that fan, by the platform's id."""

    organization_id: str
    account_id: str
    platform_message_id: str
    fan_open_id: str


async def add_recalls(tx: Tx, recalled: Sequence[Recalled]) -> None:
    """Remember them, each once."""
    await tx.execute(_ADD, {**as_rows(recalled), "now": tx.now})


async def apply_recalls(tx: Tx) -> None:
    """Mark the messages that are here; the others are looked for again for a day."""
    await tx.execute(_APPLY, {"now": tx.now})


async def mark_refused_recall(
    tx: Tx, recalled: Recalled, reason: str, code: int | None, log_id: str | None
) -> None:
    """Note on a message that the platform did not give it back."""
    await tx.execute(
        _REFUSED,
        {
            "org": recalled.organization_id,
            "acc": recalled.account_id,
            "fan": recalled.fan_open_id,
            "pid": recalled.platform_message_id,
            "reason": reason,
            "code": code,
            "log_id": log_id,
        },
    )
