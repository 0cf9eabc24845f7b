"""Asks the platform what may be asked again, and makes one clear refusal of whatever goes wrong."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import structlog

from services.douyin.actions.directory import Account, Directory
from services.douyin.actions.tokens import TokenKeeper
from services.douyin.clients import Asking
from services.douyin.domain.answers import Conclusion, conclude
from services.douyin.domain.codes import Group, Remedy
from services.douyin.domain.refusals import (
    AccountNotAuthorised,
    PlatformBusy,
    PlatformQuotaUsed,
    PlatformRefused,
)
from shared.db import ALL_TENANTS, Database
from shared.errors import AppError, NotFound
from shared.http.client import Answer, MaybeSent, NotSent
from shared.sealing import Sealer

log = structlog.get_logger()

Fields = dict[str, Any]  # Any: JSON, whose shape the platform changes


@dataclass(frozen=True, slots=True)
class AskDeps:
    """What asking needs."""

    database: Database
    sealer: Sealer
    directory: Directory
    tokens: TokenKeeper
    asking: Asking


async def usable_account(deps: AskDeps, organization_id: str, account_id: str) -> Account:
    """The account, if it may ask now. Raises NotFound, AccountNotAuthorised."""
    account = await deps.directory.account(organization_id, account_id)
    if account is None:
        raise NotFound("no Douyin account is bound to it")
    async with deps.database.transaction(ALL_TENANTS) as tx:
        now = tx.now
    if not account.is_usable(now):
        raise AccountNotAuthorised
    return account


async def ask(
    deps: AskDeps,
    account: Account,
    call: Callable[[str], Awaitable[Answer]],
    group: Group = Group.ASK,
) -> Fields:
    """What the platform answers to `call` with the account's token.

    Raises PlatformRefused, PlatformBusy, PlatformQuotaUsed, AccountNotAuthorised.
    """
    end = await _try(call, account.access_token, group)
    if end.remedy is Remedy.REFRESH:
        await deps.tokens.refused(account)
    return _fields(end)


async def ask_as_app(
    deps: AskDeps, client_key: str, call: Callable[[str], Awaitable[Answer]]
) -> Fields:
    """What the platform answers to `call` with the app's own token. Raises as `ask` does."""
    try:
        token = await deps.tokens.client_token(client_key)
    except (NotSent, MaybeSent) as lost:
        raise PlatformBusy("Douyin gives no token of the app", reason="unreachable") from lost
    if token is None:
        raise PlatformBusy("the app has no token of its own yet", reason="no_client_token")
    end = await _try(call, token, Group.ASK)
    if end.remedy is Remedy.REFRESH:
        await deps.tokens.app_refused(client_key, token)
    return _fields(end)


async def _try(call: Callable[[str], Awaitable[Answer]], token: str, group: Group) -> Conclusion:
    try:
        answer = await call(token)
    except (NotSent, MaybeSent) as lost:
        raise PlatformBusy("Douyin gave no answer", reason="unreachable") from lost
    return conclude(group, answer.status, answer.body)


def _fields(end: Conclusion) -> Fields:
    if end.remedy is None:
        return end.fields
    raise _refusal(end)


def _refusal(end: Conclusion) -> AppError:
    facts: dict[str, Any] = {
        "reason": end.reason,
        "platform": {"code": end.code, "log_id": end.log_id},
    }
    log.info("platform_refused", reason=end.reason, code=end.code, log_id=end.log_id)
    match end.remedy:
        case Remedy.PERMANENT:
            return PlatformRefused(f"Douyin says: {end.reason}", **facts)
        case Remedy.RE_AUTHORISE:
            return AccountNotAuthorised(f"Douyin says: {end.reason}", **facts)
        case Remedy.WAIT_FOR_QUOTA:
            return PlatformQuotaUsed(f"Douyin says: {end.reason}", **facts)
    return PlatformBusy(f"Douyin says: {end.reason}", **facts)
