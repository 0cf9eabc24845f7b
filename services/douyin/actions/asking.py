"""Asks the platform what may be asked again, and makes one clear refusal of whatever goes wrong."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from services.douyin.actions.directory import Account, Directory
from services.douyin.actions.limits import CallBudget, NotAllowed
from services.douyin.actions.tokens import TokenKeeper
from services.douyin.clients import Asking
from services.douyin.domain.answers import Conclusion, conclude
from services.douyin.domain.codes import Remedy
from services.douyin.domain.questions import Question
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
from shared.times import written

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
    budget: CallBudget


async def usable_account(deps: AskDeps, organization_id: str, account_id: str) -> Account:
    """The account, if it may ask now. Raises NotFound, AccountNotAuthorised."""
    began = time.monotonic()
    account = await deps.directory.account(organization_id, account_id)
    async with deps.database.transaction(ALL_TENANTS) as tx:
        now = tx.now
    if account is None or not account.is_usable(now):
        account = await deps.directory.account_since(organization_id, account_id, began)
    if account is None:
        raise NotFound("no Douyin account is bound to it")
    if not account.is_usable(now):
        raise AccountNotAuthorised
    return account


async def ask(
    deps: AskDeps,
    account: Account,
    question: Question,
    call: Callable[[str], Awaitable[Answer]],
) -> Fields:
    """What the platform answers to `call` with a token of the account, within the app's limits.

    Raises PlatformRefused, PlatformBusy, PlatformQuotaUsed, AccountNotAuthorised.
    """
    app = (account.organization_id, account.client_key)
    now = await _turn(deps, app, question)
    asker = account.for_scope(question.scope, now)
    end = await _try(question, call, asker.access_token)
    if end.remedy is Remedy.REFRESH:
        await deps.tokens.refused(asker)
    await _heed(deps, app, question, end, now)
    return _fields(end)


async def ask_as_app(
    deps: AskDeps, client_key: str, question: Question, call: Callable[[str], Awaitable[Answer]]
) -> Fields:
    """What the platform answers to `call` with the app's own token. Raises as `ask` does."""
    known = await deps.directory.app(client_key)
    if known is None:
        raise NotFound("no such Douyin app")
    app = (known.organization_id, client_key)
    try:
        token = await deps.tokens.client_token(client_key)
    except (NotSent, MaybeSent) as lost:
        raise _unanswered(lost) from lost
    if isinstance(token, Conclusion):
        raise _refusal(token)
    if token is None:
        raise PlatformBusy("the app has no token of its own yet", reason="no_client_token")
    now = await _turn(deps, app, question)
    end = await _try(question, call, token)
    if end.remedy is Remedy.REFRESH:
        await deps.tokens.app_refused(client_key, token)
    await _heed(deps, app, question, end, now)
    return _fields(end)


async def _turn(deps: AskDeps, app: tuple[str, str], question: Question) -> datetime:
    """Wait until the platform allows the app one more call; the business time."""
    try:
        return await deps.budget.wait(app, question.calls)
    except NotAllowed as refused:
        if refused.reason == "throttled":
            raise PlatformBusy(
                "the app's calls a second are used up", reason="throttled"
            ) from refused
        resets = {"on": "time", "at": written(refused.until)}
        raise PlatformQuotaUsed(
            "the app's calls of today are used up", reason=refused.reason, resets=resets
        ) from refused


async def _try(
    question: Question, call: Callable[[str], Awaitable[Answer]], token: str
) -> Conclusion:
    try:
        answer = await call(token)
    except (NotSent, MaybeSent) as lost:
        raise _unanswered(lost) from lost
    return conclude(question.group, answer.status, answer.body)


async def _heed(
    deps: AskDeps, app: tuple[str, str], question: Question, end: Conclusion, now: datetime
) -> None:
    """What a refusal says of more than this one question."""
    if end.remedy is Remedy.WAIT_FOR_QUOTA:
        await deps.budget.used_up(app, question.calls, now)
    elif end.reason == "throttled":
        deps.budget.throttled(app[1])


def _fields(end: Conclusion) -> Fields:
    if end.remedy is None:
        return end.fields
    raise _refusal(end)


def _unanswered(lost: NotSent | MaybeSent) -> PlatformBusy:
    reason = lost.reason if isinstance(lost, MaybeSent) else "unreachable"
    busy = PlatformBusy("Douyin gave no answer", reason=reason)
    busy.in_doubt = isinstance(lost, MaybeSent)
    return busy


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
    busy = PlatformBusy(f"Douyin says: {end.reason}", **facts)
    busy.in_doubt = end.in_doubt
    return busy
