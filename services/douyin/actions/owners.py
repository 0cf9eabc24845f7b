"""Who owns an account, as the platform says: name, picture, and the phone number where it was granted."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Final

import structlog

from services.douyin.actions.asking import AskDeps, Fields, ask, usable_account
from services.douyin.actions.directory import Account, token_owner
from services.douyin.domain.phones import decrypt_phone
from services.douyin.domain.questions import OWNERS
from services.douyin.domain.webhooks import storable
from services.douyin.store import owners
from services.douyin.store.owners import OwnerRow
from shared.errors import NotFound

log = structlog.get_logger()

_MOST_TEXT: Final = 1000


class PhoneState(StrEnum):
    """What is known of the owner's phone number."""

    KNOWN = "known"
    NOT_GRANTED = "not_granted"  # the platform did not hand it out
    UNREADABLE = "unreadable"  # encrypted with a secret that the app does not have here


@dataclass(frozen=True, slots=True)
class Owner:
    """An owner with the open phone number: never log it."""

    open_id: str
    union_id: str | None
    nickname: str | None
    avatar: str | None
    phone: str | None
    phone_state: PhoneState
    read_at: datetime


async def read_owner(deps: AskDeps, organization_id: str, account_id: str) -> Owner:
    """Ask the platform, and keep what it says; the phone number rests sealed. Raises as `ask` does."""
    account = await usable_account(deps, organization_id, account_id)
    call = partial(deps.asking.user_info, open_id=account.open_id)
    fields = await ask(deps, account, OWNERS, call)
    phone, state = await _phone(deps, account, fields)
    async with deps.database.transaction(organization_id) as tx:
        row = OwnerRow(
            organization_id,
            account_id,
            account.client_key,
            account.open_id,
            union_id=_text(fields.get("union_id")),
            nickname=_text(fields.get("nickname")),
            avatar=_text(fields.get("avatar")),
            phone=phone
            and deps.sealer.seal_secret(_sealed_for(organization_id, account_id), phone),
            phone_state=state,
            read_at=tx.now,
        )
        await owners.keep_owner(tx, row)
    log.info("owner_read", account=account_id, phone=state.value)
    return _opened(deps, row)


async def find_owner(deps: AskDeps, organization_id: str, account_id: str) -> Owner:
    """What the platform said last of who is bound now. Raises NotFound."""
    async with deps.database.transaction(organization_id) as tx:
        row = await owners.find_owner(tx, organization_id, account_id)
    if row is None:
        raise NotFound("nobody has asked Douyin for it yet")
    return _opened(deps, row)


async def _phone(deps: AskDeps, account: Account, fields: Fields) -> tuple[str | None, PhoneState]:
    encrypted = fields.get("encrypt_mobile")
    if not isinstance(encrypted, str) or not encrypted:
        return None, PhoneState.NOT_GRANTED
    app = await deps.directory.app(account.client_key)
    phone = decrypt_phone(encrypted, app.secrets) if app else None
    return phone, PhoneState.KNOWN if phone else PhoneState.UNREADABLE


def _opened(deps: AskDeps, row: OwnerRow) -> Owner:
    owner = _sealed_for(row.organization_id, row.account_id)
    return Owner(
        row.open_id,
        row.union_id,
        row.nickname,
        row.avatar,
        row.phone and deps.sealer.open(owner, row.phone),
        PhoneState(row.phone_state),
        row.read_at,
    )


def _sealed_for(organization_id: str, account_id: str) -> str:
    return token_owner(organization_id, "owner.phone", account_id)


def _text(value: object) -> str | None:
    if not isinstance(value, str) or not 0 < len(value) <= _MOST_TEXT:
        return None
    return storable(value)
