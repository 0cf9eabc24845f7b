"""Owners of accounts."""

# ruff: noqa: S608  statements are put together from constants of this room only
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from shared.db import Tx

_OWNER = (
    "organization_id, account_id, client_key, open_id, union_id, nickname, avatar, phone,"
    " phone_state, read_at"
)
_KEEP = sa.text(
    f"INSERT INTO owner ({_OWNER}) VALUES (:organization_id, :account_id, :client_key, :open_id,"
    " :union_id, :nickname, :avatar, :phone, :phone_state, :read_at)"
    " ON CONFLICT (organization_id, account_id) DO UPDATE SET client_key = excluded.client_key,"
    " open_id = excluded.open_id, union_id = excluded.union_id, nickname = excluded.nickname,"
    " avatar = excluded.avatar, phone = excluded.phone, phone_state = excluded.phone_state,"
    " read_at = excluded.read_at"
)
# of whom was bound before, nothing is shown
_FIND = sa.text(
    f"SELECT {', '.join(f'p.{name}' for name in _OWNER.split(', '))} FROM owner p"
    " JOIN binding b USING (organization_id, account_id, client_key, open_id)"
    " WHERE p.organization_id = :organization AND p.account_id = :account"
)


@dataclass(frozen=True, slots=True)
class OwnerRow:
    """An owner as they rest here; `phone` is sealed."""

    organization_id: str
    account_id: str
    client_key: str
    open_id: str
    union_id: str | None
    nickname: str | None
    avatar: str | None
    phone: str | None
    phone_state: str
    read_at: datetime


async def keep_owner(tx: Tx, row: OwnerRow) -> None:
    """Remember what the platform said last."""
    await tx.execute(_KEEP, {name: getattr(row, name) for name in OwnerRow.__slots__})


async def find_owner(tx: Tx, organization_id: str, account_id: str) -> OwnerRow | None:
    """Who owns the account that is bound now."""
    mine = {"organization": organization_id, "account": account_id}
    row = (await tx.execute(_FIND, mine)).first()
    return OwnerRow(*row) if row else None
