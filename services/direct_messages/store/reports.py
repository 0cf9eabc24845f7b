"""What rules did in the last days, counted from what is stored; asked by people, never on the way of a message."""

# ruff: noqa: S608  statements are put together from constants only

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.direct_messages.domain.menus import Way
from services.direct_messages.store.rows import read
from services.direct_messages.store.tables import Account
from shared.db import Tx

_TENANT = "organization_id = :org AND account_id = :acc"
_HITS = sa.text(
    "SELECT coalesce(rule_id, '') AS rule_id, outcome, count(*) AS count FROM decision"
    f" WHERE {_TENANT} AND decided_at >= :since GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2"
)
_CLICKS = sa.text(
    "SELECT rule_id, record->>'called_by' AS way, count(*) AS count FROM decision"
    f" WHERE {_TENANT} AND decided_at >= :since AND rule_id = ANY(CAST(:rules AS text[]))"
    " AND record->>'called_by' IS NOT NULL GROUP BY 1, 2"
)
_SPOKEN = sa.text(
    "SELECT actor, state, count(*) AS count FROM message"
    f" WHERE {_TENANT} AND created_at >= :since GROUP BY 1, 2 ORDER BY 1, 2"
)
_OPEN = "d.outcome IN ('no_match', 'default_waits')"
_UNMATCHED = sa.text(
    "SELECT lower(btrim(m.text)) AS text, count(*) AS count, max(m.id) AS message_id"
    " FROM decision d JOIN message m ON m.organization_id = d.organization_id"
    " AND m.account_id = d.account_id AND m.id = d.message_id"
    " WHERE d.organization_id = :org AND d.account_id = :acc AND d.decided_at >= :since"
    f" AND m.text IS NOT NULL AND ({_OPEN} OR d.rule_id = ANY(CAST(:defaults AS text[])))"
    " GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT :most"
)
_UNANSWERED = sa.text(
    "SELECT c.id, c.fan_open_id, c.owner, c.last_inbound_at FROM conversation c"
    " WHERE c.organization_id = :org AND c.account_id = :acc AND c.last_inbound_at >= :since"
    " AND NOT EXISTS (SELECT 1 FROM message m WHERE m.organization_id = c.organization_id"
    "  AND m.account_id = c.account_id AND m.conversation_id = c.id"
    "  AND m.created_at >= c.last_inbound_at AND m.direction = 'out'"
    "  AND m.state IN ('queued', 'sent', 'unknown'))"
    " ORDER BY c.last_inbound_at, c.id LIMIT :most"
)


@dataclass(frozen=True, slots=True)
class Hits:
    """How often a rule (none: no rule) led to an outcome."""

    rule_id: str
    outcome: str
    count: int


@dataclass(frozen=True, slots=True)
class Clicks:
    """How often an entry of the menu was called in a way."""

    rule_id: str
    way: Way
    count: int


@dataclass(frozen=True, slots=True)
class Spoken:
    """How many messages of somebody are in a state."""

    actor: str
    state: str
    count: int


@dataclass(frozen=True, slots=True)
class Unmatched:
    """Words that no rule knows, and the newest message that said them."""

    text: str
    count: int
    message_id: str


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A conversation whose last word is the fan's."""

    id: str
    fan_open_id: str
    owner: str
    last_inbound_at: datetime


async def hits(tx: Tx, account: Account, since: datetime) -> list[Hits]:
    """Decisions by rule and outcome."""
    return [read(Hits, row) for row in await tx.execute(_HITS, _asked(account, since))]


async def clicks(tx: Tx, account: Account, since: datetime, rules: Sequence[str]) -> list[Clicks]:
    """Calls of these entries of the menu. Answers to the questions of a flow are none."""
    found = await tx.execute(_CLICKS, {**_asked(account, since), "rules": list(rules)})
    return [Clicks(row.rule_id, Way(row.way), row.count) for row in found]


async def spoken(tx: Tx, account: Account, since: datetime) -> list[Spoken]:
    """Messages by who wrote them and how they ended."""
    return [read(Spoken, row) for row in await tx.execute(_SPOKEN, _asked(account, since))]


async def unmatched(
    tx: Tx, account: Account, since: datetime, defaults: list[str], most: int
) -> list[Unmatched]:
    """What was said most that no rule but a default one (`defaults`) answered."""
    asked = {**_asked(account, since), "defaults": defaults, "most": most}
    return [read(Unmatched, row) for row in await tx.execute(_UNMATCHED, asked)]


async def unanswered(tx: Tx, account: Account, since: datetime, most: int) -> list[Unanswered]:
    """Conversations that wait for an answer, the longest first."""
    asked = {**_asked(account, since), "most": most}
    return [read(Unanswered, row) for row in await tx.execute(_UNANSWERED, asked)]


def _asked(account: Account, since: datetime) -> dict[str, Any]:
    return {"org": account[0], "acc": account[1], "since": since}
