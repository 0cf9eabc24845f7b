"""Accounts that we heard of."""

from collections.abc import Mapping

import sqlalchemy as sa

from shared.db import Tx

_KNOW = sa.text(
    "INSERT INTO account (organization_id, account_id, policy_version, lead_dedupe_days)"
    " SELECT u.organization_id, u.account_id, u.policy_version, coalesce(u.days, 90)"
    " FROM unnest(CAST(:organizations AS text[]), CAST(:accounts AS text[]),"
    " CAST(:versions AS integer[]), CAST(:days AS integer[]))"
    " AS u (organization_id, account_id, policy_version, days)"
    " ON CONFLICT (organization_id, account_id) DO UPDATE"
    " SET policy_version = excluded.policy_version, lead_dedupe_days = excluded.lead_dedupe_days"
    " WHERE account.policy_version < excluded.policy_version"
)
_IS_KNOWN = sa.text(
    "SELECT 1 FROM account WHERE organization_id = :organization AND account_id = :account"
)
_DEDUPE_DAYS = sa.text(
    "SELECT lead_dedupe_days FROM account"
    " WHERE organization_id = :organization AND account_id = :account"
)


async def know_accounts(tx: Tx, known: Mapping[tuple[str, str], tuple[int, int | None]]) -> None:
    """Remember (organization, account) → (version of its policy, days in which leads are one)."""
    pairs = sorted(known.items())
    await tx.execute(
        _KNOW,
        {
            "organizations": [tenant[0] for tenant, _ in pairs],
            "accounts": [tenant[1] for tenant, _ in pairs],
            "versions": [version for _, (version, _) in pairs],
            "days": [days for _, (_, days) in pairs],
        },
    )


async def is_known(tx: Tx, organization_id: str, account_id: str) -> bool:
    """Whether the organization has this account, as far as we heard."""
    values = {"organization": organization_id, "account": account_id}
    return (await tx.execute(_IS_KNOWN, values)).first() is not None


async def dedupe_days(tx: Tx, organization_id: str, account_id: str) -> int | None:
    """For how many days a contact of this account is the same lead; None: we never heard of it."""
    values = {"organization": organization_id, "account": account_id}
    row = (await tx.execute(_DEDUPE_DAYS, values)).first()
    return int(row[0]) if row else None
