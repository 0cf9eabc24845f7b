"""Rows of the profiles, and what organizations and accounts put in their place."""

import orjson
import sqlalchemy as sa

from services.open_platform.domain.policy import Override, Row, Value
from services.open_platform.store.tables import platform_policy, policy_override
from shared.db import Tx

_ALL_ACCOUNTS = ""

_PUT = sa.text(
    "INSERT INTO policy_override (organization_id, account_id, key, value, changed_at)"
    " VALUES (:organization, :account, :key, CAST(:value AS jsonb), :now)"
    " ON CONFLICT (organization_id, account_id, key) DO UPDATE"
    " SET value = excluded.value, changed_at = excluded.changed_at"
    " WHERE policy_override.value IS DISTINCT FROM excluded.value RETURNING key"
)
_DROP = sa.text(
    "DELETE FROM policy_override WHERE organization_id = :organization"
    " AND account_id = :account AND key = :key RETURNING key"
)


async def rows_of(tx: Tx, profile: str) -> list[Row]:
    """Every row of the profile, also those of the past and of the future."""
    p = platform_policy.c
    query = sa.select(p.key, p.value, p.effective_from, p.source).where(p.profile == profile)
    return [Row(*row) for row in await tx.execute(query)]


async def overrides_of(tx: Tx, organization_id: str, account_id: str) -> list[Override]:
    """What holds for the account instead: its own overrides and those of its organization."""
    o = policy_override.c
    query = sa.select(o.key, o.value, o.account_id != _ALL_ACCOUNTS, o.changed_at).where(
        o.organization_id == organization_id, o.account_id.in_([account_id, _ALL_ACCOUNTS])
    )
    return [Override(*row) for row in await tx.execute(query)]


async def put_override(
    tx: Tx, organization_id: str, account_id: str | None, key: str, value: Value
) -> bool:
    """Keep an override of one account, or of all. False if it stood there already."""
    values = {
        "organization": organization_id,
        "account": account_id or _ALL_ACCOUNTS,
        "key": key,
        "value": orjson.dumps(value).decode(),
        "now": tx.now,
    }
    return (await tx.execute(_PUT, values)).first() is not None


async def drop_override(tx: Tx, organization_id: str, account_id: str | None, key: str) -> bool:
    """Take an override back. False if there was none."""
    account = account_id or _ALL_ACCOUNTS
    values = {"organization": organization_id, "account": account, "key": key}
    return (await tx.execute(_DROP, values)).first() is not None
