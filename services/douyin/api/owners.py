"""Who owns an account, as Douyin tells it to the app that was authorised."""

from datetime import datetime
from typing import Annotated

from fastapi import Depends, Query, Request, Response

from services.douyin.actions import owners
from services.douyin.actions.asking import AskDeps
from services.douyin.actions.owners import Owner, PhoneState
from services.douyin.api.configuration import AccountId, Manager
from services.douyin.domain.refusals import (
    AccountNotAuthorised,
    PlatformBusy,
    PlatformQuotaUsed,
    PlatformRefused,
)
from shared.errors import NotFound
from shared.http.errors import errors
from shared.http.models import ResponseModel
from shared.http.routing import Router

router = Router(tags=["douyin"])


async def _deps(request: Request) -> AskDeps:
    deps: AskDeps = request.app.state.asking
    return deps


Dependencies = Annotated[AskDeps, Depends(_deps)]


class DouyinOwner(ResponseModel):
    """Who authorised. `phone_state` says why there is no phone number: not granted, or unreadable.

    `unreadable`: it is encrypted with a secret of the app that is not configured here.
    """

    open_id: str
    union_id: str | None
    nickname: str | None
    avatar: str | None
    phone: str | None
    phone_state: PhoneState
    read_at: datetime


@router.get(
    "/v1/accounts/{account_id}/douyin-owner",
    operation_id="get_douyin_owner",
    responses=errors(
        *(NotFound, AccountNotAuthorised, PlatformRefused, PlatformQuotaUsed, PlatformBusy)
    ),
)
async def get_douyin_owner(
    account_id: AccountId,
    caller: Manager,
    deps: Dependencies,
    response: Response,
    *,
    anew: Annotated[bool, Query(description="ask Douyin now, and keep what it says")] = False,
) -> DouyinOwner:
    """The owner as Douyin named them last. A phone number is kept encrypted."""
    look = owners.read_owner if anew else owners.find_owner
    return _private(await look(deps, caller.organization_id, account_id), response)


def _private(found: Owner, response: Response) -> DouyinOwner:
    response.headers["Cache-Control"] = "no-store"
    return DouyinOwner(
        open_id=found.open_id,
        union_id=found.union_id,
        nickname=found.nickname,
        avatar=found.avatar,
        phone=found.phone,
        phone_state=found.phone_state,
        read_at=found.read_at,
    )
