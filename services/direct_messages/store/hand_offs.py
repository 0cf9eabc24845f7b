"""Hand-offs: what waits for people, and what they have."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa

from services.direct_messages.domain.conversations import Reason
from services.direct_messages.domain.handing_over import HandOff, HandOffStage
from services.direct_messages.store.people_tables import hand_offs
from services.direct_messages.store.rows import as_rows, columns, insert, read
from shared.db import Row, Tx

_KEYS = ("organization_id", "account_id", "id", "conversation_id", "fan_open_id", "queued_at")
_SAVE = insert(
    hand_offs,
    "ON CONFLICT (organization_id, account_id, id) DO UPDATE SET "
    + ", ".join(f"{c.name} = excluded.{c.name}" for c in hand_offs.c if c.name not in _KEYS),
)
_OPEN_OF = sa.text(
    "SELECT h.* FROM unnest(CAST(:org AS text[]), CAST(:acc AS text[]), CAST(:conv AS text[]))"
    " k(o, a, c) JOIN hand_off h ON h.organization_id = k.o AND h.account_id = k.a"
    " AND h.conversation_id = k.c WHERE h.stage <> 'ended'"
    " ORDER BY h.organization_id, h.account_id, h.id FOR UPDATE OF h"
)
_QUEUE = sa.text(
    "SELECT * FROM hand_off WHERE organization_id = :org AND stage = 'queued'"
    " ORDER BY urgent DESC, queued_at, id LIMIT :most FOR UPDATE SKIP LOCKED"
)
_LOADS = sa.text(
    "SELECT agent_id, count(*) FROM hand_off WHERE organization_id = :org"
    " AND stage IN ('offered', 'accepted') AND agent_id IS NOT NULL GROUP BY agent_id"
)
_LAST = sa.text(
    "SELECT k.a, k.f, (SELECT agent_id FROM hand_off h WHERE h.organization_id = :org"
    " AND h.account_id = k.a AND h.fan_open_id = k.f AND h.agent_id IS NOT NULL"
    " AND h.accepted_at IS NOT NULL AND h.accepted_at > k.since"
    " ORDER BY h.accepted_at DESC LIMIT 1) FROM unnest(CAST(:acc AS text[]),"
    " CAST(:fan AS text[]), CAST(:since AS timestamptz[])) k(a, f, since)"
)
_DUE = sa.text(
    "SELECT organization_id, account_id, conversation_id FROM hand_off"
    " WHERE due_at <= :now AND due_at IS NOT NULL ORDER BY due_at LIMIT :most"
)
_WAIT = sa.text(  # of those where somebody is there to be asked
    "SELECT DISTINCT a.organization_id FROM agent a WHERE a.presence = 'online'"
    " AND a.present_until > now() AND EXISTS (SELECT FROM hand_off h"
    " WHERE h.organization_id = a.organization_id AND h.stage = 'queued')"
)
_TOUCH = sa.text(
    "UPDATE hand_off SET due_at = :now WHERE (organization_id, account_id, id) IN"
    " (SELECT organization_id, account_id, id FROM hand_off WHERE organization_id = :org"
    " AND agent_id = :agent AND stage <> 'ended' ORDER BY account_id, id FOR UPDATE)"
    " RETURNING account_id, conversation_id"
)
_LIST = sa.text(
    "SELECT * FROM hand_off WHERE organization_id = :org AND stage <> 'ended'"
    " AND (:stage = '' OR stage = :stage) AND (:agent = '' OR agent_id = :agent)"
    " AND (queued_at, id) > (:at, :id) ORDER BY queued_at, id LIMIT :most"
)
_AHEAD = sa.text(
    "SELECT count(*) FROM hand_off WHERE organization_id = :org AND stage IN ('queued', 'offered')"
    " AND (urgent, queued_at, id) <> (:urgent, :at, :id)"
    " AND (urgent > :urgent OR (urgent = :urgent AND (queued_at, id) < (:at, :id)))"
)
_COUNTS = sa.text(
    "SELECT stage, count(*), coalesce(extract(epoch FROM :now - min(queued_at)), 0)"
    " FROM hand_off WHERE stage <> 'ended' GROUP BY stage"
)


@dataclass(frozen=True, slots=True)
class AskedHandOffs:
    """Which hand-offs somebody wants to see; empty words mean any."""

    stage: str
    agent_id: str
    after: tuple[datetime, str]
    most: int


async def save_hand_offs(tx: Tx, changed: Sequence[HandOff]) -> None:
    """Write them as they are now; whoever calls has locked their conversations or them."""
    if changed:
        await tx.execute(_SAVE, as_rows(changed))


async def open_hand_offs(
    tx: Tx, conversations: Iterable[tuple[str, str, str]]
) -> dict[tuple[str, str, str], HandOff]:
    """Those that are open, locked, by (organization, account, conversation)."""
    found = await tx.execute(_OPEN_OF, columns(sorted(set(conversations)), "org acc conv"))
    read_all = [_hand_off_from(row) for row in found]
    return {(*h.account, h.conversation_id): h for h in read_all}


async def queued_hand_offs(tx: Tx, organization_id: str, most: int) -> list[HandOff]:
    """What waits, in order, locked; what somebody else has in hand is left out."""
    found = await tx.execute(_QUEUE, {"org": organization_id, "most": most})
    return [_hand_off_from(row) for row in found]


async def loads(tx: Tx, organization_id: str) -> dict[str, int]:
    """How many conversations each agent has or is offered."""
    return {row[0]: row[1] for row in await tx.execute(_LOADS, {"org": organization_id})}


async def last_agents(
    tx: Tx, organization_id: str, fans: Sequence[tuple[str, str, datetime]]
) -> dict[tuple[str, str], str]:
    """Who answered each (account, fan) last, if that was after its time."""
    asked = {"org": organization_id, **columns(fans, "acc fan since")}
    return {(r[0], r[1]): r[2] for r in await tx.execute(_LAST, asked) if r[2] is not None}


async def due_hand_offs(tx: Tx, most: int) -> list[tuple[str, str, str]]:
    """(organization, account, conversation) of those that time changes now."""
    return [(r[0], r[1], r[2]) for r in await tx.execute(_DUE, {"now": tx.now, "most": most})]


async def make_due(tx: Tx, organization_id: str, agent_id: str) -> list[tuple[str, str]]:
    """Time changes now what this agent has or is offered: (account, conversation) of it."""
    asked = {"org": organization_id, "agent": agent_id, "now": tx.now}
    return [(row[0], row[1]) for row in await tx.execute(_TOUCH, asked)]


async def organizations_that_wait(tx: Tx) -> list[str]:
    """Organizations in which something waits and somebody is there."""
    return [row[0] for row in await tx.execute(_WAIT)]


async def list_hand_offs(tx: Tx, organization_id: str, asked: AskedHandOffs) -> list[HandOff]:
    """Open ones, the oldest first."""
    values = {
        "org": organization_id,
        "stage": asked.stage,
        "agent": asked.agent_id,
        "at": asked.after[0],
        "id": asked.after[1],
        "most": asked.most,
    }
    return [_hand_off_from(row) for row in await tx.execute(_LIST, values)]


async def waiting_ahead(tx: Tx, hand_off: HandOff) -> int:
    """How many of the organization wait in front of it."""
    asked = {
        "org": hand_off.organization_id,
        "urgent": hand_off.urgent,
        "at": hand_off.queued_at,
        "id": hand_off.id,
    }
    return int((await tx.execute(_AHEAD, asked)).scalar() or 0)


async def hand_off_counts(tx: Tx) -> dict[str, tuple[int, float]]:
    """HandOffStage → how many, and how long the oldest of them has been with people."""
    return {r[0]: (r[1], float(r[2])) for r in await tx.execute(_COUNTS, {"now": tx.now})}


def _hand_off_from(row: Row) -> HandOff:
    found: HandOff = read(HandOff, row)
    return replace(
        found,
        stage=HandOffStage(found.stage),
        reason=Reason(found.reason),
        end_reason=Reason(found.end_reason) if found.end_reason else None,
        passed_over=tuple(found.passed_over),
    )
