"""What we look up at the platform by ourselves: whether a fan follows, whether webhooks are on."""

from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request

from services.douyin.actions import follows, subscriptions
from services.douyin.actions.asking import AskDeps
from services.douyin.actions.follows import Answered
from services.douyin.api.configuration import AccountId, ClientKey, Manager
from services.douyin.domain.refusals import (
    AccountNotAuthorised,
    FollowChecksUsed,
    PlatformBusy,
    PlatformQuotaUsed,
    PlatformRefused,
)
from shared.errors import NotFound
from shared.http.errors import errors
from shared.http.idempotency import ONCE, Once, OptionalKey
from shared.http.models import RequestModel, ResponseModel, ShortText
from shared.http.principal import Principal, caller_with
from shared.http.routing import Router

router = Router()

Reader = Annotated[Principal, caller_with("fans:read")]


async def _deps(request: Request) -> AskDeps:
    deps: AskDeps = request.app.state.asking
    return deps


Dependencies = Annotated[AskDeps, Depends(_deps)]


class CheckFollow(RequestModel):
    """Whom to ask about."""

    open_id: ShortText


class FollowState(ResponseModel):
    """What Douyin said. `is_fresh` false: it was asked not long ago, and is not asked again yet."""

    open_id: str
    follows: bool
    followed_at: datetime | None
    checked_at: datetime
    is_fresh: bool


class Subscription(ResponseModel):
    """The webhooks of an app as the last look found them, every five minutes."""

    client_key: str
    events_off: list[str]
    is_silent: bool
    last_event_at: datetime | None
    error: str | None
    checked_at: datetime


@router.post(
    "/v1/accounts/{account_id}/follow-checks",
    operation_id="check_follow",
    responses=errors(
        *(NotFound, AccountNotAuthorised, PlatformRefused, PlatformQuotaUsed),
        *(PlatformBusy, FollowChecksUsed, *ONCE),
    ),
)
async def check_follow(
    account_id: AccountId, body: CheckFollow, key: OptionalKey, caller: Reader, deps: Dependencies
) -> FollowState:
    """Ask Douyin whether somebody follows the account. The fan's follow state is kept up by it."""
    account = (caller.organization_id, account_id)
    once = Once(key, _state, 200)
    return _state(await follows.check_follow(deps, account, body.open_id, once))


def _state(found: Answered) -> FollowState:
    return FollowState(
        open_id=found.check.open_id,
        follows=found.check.follows,
        followed_at=found.check.followed_at,
        checked_at=found.check.checked_at,
        is_fresh=found.is_fresh,
    )


@router.get(
    "/v1/douyin-apps/{client_key}/subscription",
    operation_id="get_subscription",
    responses=errors(NotFound),
)
async def get_subscription(
    client_key: ClientKey, caller: Manager, deps: Dependencies
) -> Subscription:
    """Whether Douyin still posts webhooks to us: what was off and was switched on again, and silence."""
    row = await subscriptions.find_subscription(deps, caller.organization_id, client_key)
    return Subscription(
        client_key=row.client_key,
        events_off=row.events_off,
        is_silent=row.is_silent,
        last_event_at=row.last_event_at,
        error=row.error,
        checked_at=row.checked_at,
    )
