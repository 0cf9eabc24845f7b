"""What agents see at once: a log a day long, read by place, so that a stream goes on where it broke off.

A place is (transaction, number). Only what every older transaction has left behind is shown, so a
transaction that commits late is never skipped.
"""

# ruff: noqa: S608  statements are put together from constants only

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa

from services.direct_messages.store.rows import columns, read
from shared.db import Tx

KEPT_HOURS = 24
EVERYBODY = "everybody"
HOLDER = "holder"  # whoever has the conversation; everybody while nobody has
_NOW_TX = "CAST(CAST(pg_current_xact_id() AS text) AS bigint)"
_SETTLED = "CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint)"
_ADD = sa.text(
    "INSERT INTO live_update (organization_id, tx, account_id, conversation_id, agent_id, type,"
    " data, created_at)"
    f" SELECT s.o, {_NOW_TX}, s.a, s.c, CASE s.g WHEN '{EVERYBODY}' THEN NULL"
    f" WHEN '{HOLDER}' THEN (SELECT h.agent_id FROM hand_off h WHERE h.organization_id = s.o"
    " AND h.account_id = s.a AND h.conversation_id = s.c AND h.stage <> 'ended') ELSE s.g END,"
    " s.t, CAST(s.d AS jsonb), now()"
    " FROM unnest(CAST(:org AS text[]), CAST(:acc AS text[]), CAST(:conv AS text[]),"
    " CAST(:to AS text[]), CAST(:type AS text[]), CAST(:data AS text[])) s(o, a, c, g, t, d)"
)
_READ = sa.text(
    "SELECT tx, number, account_id, conversation_id, agent_id, type, data, created_at"
    " FROM live_update WHERE organization_id = :org AND (tx, number) > (:tx, :number)"
    f" AND tx < {_SETTLED} AND (:agent = '' OR agent_id IS NULL OR agent_id = :agent)"
    " ORDER BY tx, number LIMIT :most"
)
_HEADS = sa.text(
    "SELECT k.o, h.tx, h.number FROM unnest(CAST(:org AS text[])) k(o) JOIN LATERAL"
    " (SELECT tx, number FROM live_update WHERE organization_id = k.o"
    f" AND tx < {_SETTLED} ORDER BY tx DESC, number DESC LIMIT 1) h ON true"
)
_PURGE = sa.text(
    "DELETE FROM live_update WHERE (organization_id, tx, number) IN (SELECT organization_id, tx,"
    " number FROM live_update"
    f" WHERE created_at < now() - interval '{KEPT_HOURS} hours' ORDER BY created_at LIMIT 10000)"
)
LogPlace = tuple[int, int]  # transaction, number


@dataclass(frozen=True, slots=True)
class News:
    """Something to be shown: to everybody, to whoever has the conversation, or to an agent's id."""

    organization_id: str
    account_id: str
    conversation_id: str
    type: str
    data: dict[str, Any]
    to: str


@dataclass(frozen=True, slots=True)
class Update:
    """News as they are kept."""

    tx: int
    number: int
    account_id: str
    conversation_id: str
    agent_id: str | None
    type: str
    data: dict[str, Any]
    created_at: datetime

    @property
    def place(self) -> LogPlace:
        """Where it stands."""
        return self.tx, self.number


async def add_news(tx: Tx, news: Sequence[News]) -> None:
    """Show these to agents, once the transaction is committed."""
    if news:
        rows = [
            (n.organization_id, n.account_id, n.conversation_id, n.to, n.type, _json(n.data))
            for n in news
        ]
        await tx.execute(_ADD, columns(rows, "org acc conv to type data"))


async def updates_after(
    tx: Tx, organization_id: str, agent_id: str, after: LogPlace, most: int
) -> list[Update]:
    """What came behind `after`, for everybody and for this agent ('': for anybody)."""
    asked = {"org": organization_id, "agent": agent_id, "tx": after[0], "number": after[1]}
    return [read(Update, row) for row in await tx.execute(_READ, {**asked, "most": most})]


async def newest_places(tx: Tx, organizations: Iterable[str]) -> dict[str, LogPlace]:
    """Where each organization's log ends now."""
    found = await tx.execute(_HEADS, {"org": sorted(organizations)})
    return {row[0]: (row[1], row[2]) for row in found}


async def purge_updates(tx: Tx) -> int:
    """Forget what is older than a day; how many."""
    return await tx.change(_PURGE)


def _json(data: dict[str, Any]) -> str:
    return orjson.dumps(data).decode()
