"""Consent texts: what a fan agrees to who leaves a contact. Versions are kept, none is changed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from services.direct_messages.store.rows import columns
from services.direct_messages.store.tables import Account
from shared.db import Tx

_VERSIONS = sa.text(
    "SELECT k.o, k.a, c.version FROM (SELECT DISTINCT * FROM unnest(CAST(:org AS text[]),"
    " CAST(:acc AS text[]))) k(o, a) CROSS JOIN LATERAL (SELECT version FROM lead_consent"
    " WHERE organization_id = k.o AND account_id = k.a ORDER BY version DESC LIMIT 1) c"
)
_ONE = sa.text(
    "SELECT version, text, created_at FROM lead_consent"
    " WHERE organization_id = :org AND account_id = :acc"
    " AND (CAST(:version AS int) IS NULL OR version = :version) ORDER BY version DESC LIMIT 1"
)
_ADD = sa.text(
    "INSERT INTO lead_consent (organization_id, account_id, version, text, created_at)"
    " VALUES (:org, :acc, :version, :text, :at)"
)


@dataclass(frozen=True, slots=True)
class Consent:
    """A version of an account's consent text."""

    version: int
    text: str
    created_at: datetime


async def consent_versions(tx: Tx, accounts: Iterable[Account]) -> dict[Account, int]:
    """The newest version of each account that has a consent text."""
    found = await tx.execute(_VERSIONS, columns(sorted(set(accounts)), "org acc"))
    return {(r[0], r[1]): r[2] for r in found}


async def consent(tx: Tx, account: Account, version: int | None) -> Consent | None:
    """That version, or the newest."""
    values = {"org": account[0], "acc": account[1], "version": version}
    row = (await tx.execute(_ONE, values)).first()
    return Consent(row[0], row[1], row[2]) if row else None


async def add_consent(tx: Tx, account: Account, new: Consent) -> None:
    """Keep the next version."""
    values = {"org": account[0], "acc": account[1], "version": new.version}
    await tx.execute(_ADD, {**values, "text": new.text, "at": new.created_at})
