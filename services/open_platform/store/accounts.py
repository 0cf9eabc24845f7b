"""Organizations and their accounts."""

from datetime import datetime

import orjson
import sqlalchemy as sa

from services.open_platform.domain.accounts import Account, Organization
from services.open_platform.store.tables import account, organization
from shared.db import Tx

_SAVE = sa.text(
    "UPDATE account SET name = :name, timezone = :timezone, profile = :profile,"
    " settings = CAST(:settings AS jsonb), row_version = :row_version,"
    " policy_version = :policy_version, policy_resolved_at = :policy_resolved_at,"
    " updated_at = :updated_at WHERE organization_id = :organization_id AND id = :id"
)
# A row of the profile took effect after the account's policy was last resolved.
_STALE = sa.text(
    "SELECT organization_id, id FROM account a WHERE EXISTS (SELECT 1 FROM platform_policy p"
    " WHERE p.profile = a.profile AND p.effective_from > a.policy_resolved_at"
    " AND p.effective_from <= CAST(:now AS timestamptz)) ORDER BY organization_id, id LIMIT :most"
)


async def insert_organization(tx: Tx, new: Organization) -> None:
    """Keep a new organization."""
    values = {"organization_id": new.id, "name": new.name, "created_at": new.created_at}
    await tx.execute(sa.insert(organization).values(values))


async def find_organization(tx: Tx, organization_id: str) -> Organization | None:
    """The organization, if it exists."""
    query = sa.select(organization).where(organization.c.organization_id == organization_id)
    row = (await tx.execute(query)).first()
    return Organization(*row) if row else None


async def lock_organization(tx: Tx, organization_id: str) -> Organization | None:
    """The organization, if it exists; nobody else can lock it until the transaction ends."""
    query = sa.select(organization).where(organization.c.organization_id == organization_id)
    row = (await tx.execute(query.with_for_update(key_share=True))).first()
    return Organization(*row) if row else None


async def insert_account(tx: Tx, new: Account) -> None:
    """Keep a new account."""
    values = {name: getattr(new, name) for name in account.c.keys()}  # noqa: SIM118  not a dict
    await tx.execute(sa.insert(account).values({**values, "settings": dict(new.settings)}))


async def find_account(tx: Tx, organization_id: str, account_id: str) -> Account | None:
    """The account, if it is one of the organization."""
    query = _of(organization_id).where(account.c.id == account_id)
    row = (await tx.execute(query)).first()
    return Account(*row) if row else None


async def lock_account(tx: Tx, organization_id: str, account_id: str) -> Account | None:
    """The account, which nobody else can change until the transaction ends."""
    query = _of(organization_id).where(account.c.id == account_id).with_for_update()
    row = (await tx.execute(query)).first()
    return Account(*row) if row else None


async def lock_accounts(tx: Tx, organization_id: str) -> list[Account]:
    """All accounts of the organization, locked in the order of their ids."""
    query = _of(organization_id).order_by(account.c.id).with_for_update()
    return [Account(*row) for row in await tx.execute(query)]


async def list_accounts(tx: Tx, organization_id: str, after: str, most: int) -> list[Account]:
    """Accounts behind `after`, oldest first."""
    query = _of(organization_id).where(account.c.id > after).order_by(account.c.id).limit(most)
    return [Account(*row) for row in await tx.execute(query)]


async def save_account(tx: Tx, changed: Account) -> None:
    """Keep a locked account as it is now."""
    values = {name: getattr(changed, name) for name in account.c.keys()}  # noqa: SIM118  not a dict
    settings = orjson.dumps(dict(changed.settings)).decode()
    await tx.execute(_SAVE, {**values, "settings": settings})


async def find_stale(tx: Tx, now: datetime, most: int) -> list[tuple[str, str]]:
    """Accounts whose policy changed because time went on: (organization, account)."""
    rows = await tx.execute(_STALE, {"now": now, "most": most})
    return [(row.organization_id, row.id) for row in rows]


def _of(organization_id: str) -> sa.Select[tuple[object, ...]]:
    return sa.select(account).where(account.c.organization_id == organization_id)
