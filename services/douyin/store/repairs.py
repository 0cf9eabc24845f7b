"""How far the interaction log of each account was read."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from shared.db import Tx

_BEGIN = sa.text(
    "INSERT INTO repair (organization_id, account_id) SELECT organization_id, account_id"
    " FROM binding ON CONFLICT DO NOTHING"
)
# a little more or less, so that the accounts of a platform do not ask at the same moment
_CLAIM = sa.text(
    "UPDATE repair SET next_at = now() + CAST(:every AS interval) * (0.9 + 0.2 * random()) WHERE ctid = ANY(ARRAY("
    " SELECT ctid FROM repair WHERE next_at <= now() ORDER BY next_at LIMIT :most"
    " FOR UPDATE SKIP LOCKED)) RETURNING organization_id, account_id, read_until"
)
_END = sa.text(
    "UPDATE repair SET read_until = :until WHERE organization_id = :organization"
    " AND account_id = :account"
)
_PUT_OFF = sa.text(
    "UPDATE repair SET next_at = now() + :pause WHERE organization_id = :organization"
    " AND account_id = :account"
)


@dataclass(frozen=True, slots=True)
class RepairDue:
    """An account whose log is to be read, and until when it was read before."""

    organization_id: str
    account_id: str
    read_until: datetime | None


async def claim_repairs(tx: Tx, every: timedelta, most: int) -> list[RepairDue]:
    """Take the accounts that are due; nobody else gets them before the next time."""
    await tx.execute(_BEGIN)
    return [RepairDue(*row) for row in await tx.execute(_CLAIM, {"every": every, "most": most})]


async def end_repair(tx: Tx, due: RepairDue, until: datetime) -> None:
    """The log was read until then."""
    mine = {"organization": due.organization_id, "account": due.account_id}
    await tx.execute(_END, {**mine, "until": until})


async def put_off_repair(tx: Tx, due: RepairDue, pause: timedelta) -> None:
    """Ask again after the pause."""
    mine = {"organization": due.organization_id, "account": due.account_id}
    await tx.execute(_PUT_OFF, {**mine, "pause": pause})
