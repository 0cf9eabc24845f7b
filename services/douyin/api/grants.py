"""Which fans let an account write first, as Douyin knows it."""

from typing import Annotated

from fastapi import Query, Response

from services.douyin.actions import grants
from services.douyin.api.configuration import AccountId
from services.douyin.api.looks import Dependencies, Reader
from services.douyin.api.posts import PostCursors
from services.douyin.domain.grants import Whence
from services.douyin.domain.refusals import (
    AccountNotAuthorised,
    PlatformBusy,
    PlatformQuotaUsed,
    PlatformRefused,
)
from shared.errors import Invalid, NotFound
from shared.http.errors import errors
from shared.http.models import ResponseModel, ShortText
from shared.http.pages import AskedPage
from shared.http.routing import Router

router = Router(tags=["douyin"])

_REFUSALS = (
    NotFound,
    AccountNotAuthorised,
    PlatformRefused,
    PlatformQuotaUsed,
    PlatformBusy,
)


class GrantedFrom(ResponseModel):
    """Where the fan granted it, in Douyin's words: the page of the mini-program, and what led there."""

    entered_from: str | None
    path: str | None
    query: str | None
    attribution: dict[str, str]
    extra: str | None


class GrantOut(ResponseModel):
    """A fan who lets the account write first, and the mini-program in which that was said."""

    open_id: str
    app_id: str | None
    granted_from: GrantedFrom


class GrantPage(ResponseModel):
    """Grants in Douyin's order."""

    data: list[GrantOut]
    next_cursor: str | None


class GrantState(ResponseModel):
    """Whether one fan lets the account write first. `granted_from` is null where not."""

    open_id: str
    is_granted: bool
    granted_from: GrantedFrom | None


@router.get(
    "/v1/accounts/{account_id}/grants",
    operation_id="list_grants",
    responses=errors(*_REFUSALS),
)
async def list_grants(
    account_id: AccountId,
    caller: Reader,
    deps: Dependencies,
    cursors: PostCursors,
    page: AskedPage,
) -> GrantPage:
    """Ask Douyin which fans let the account write first."""
    account = (caller.organization_id, account_id)
    belongs = ("grants", *account)
    begin = int(cursors.read(page.cursor, *belongs)[0]) if page.cursor else 0
    found = await grants.list_grants(deps, account, begin, page.limit)
    page.response.headers["Cache-Control"] = "no-store"
    more = None if found.then is None else cursors.write([found.then], *belongs)
    return GrantPage(
        data=[
            GrantOut(open_id=one.open_id, app_id=one.app_id, granted_from=_from(one.whence))
            for one in found.rows
        ],
        next_cursor=page.then(more),
    )


@router.get(
    "/v1/accounts/{account_id}/grant",
    operation_id="find_grant",
    responses=errors(Invalid, *_REFUSALS),
)
async def find_grant(
    account_id: AccountId,
    open_id: Annotated[ShortText, Query(description="the fan, by Douyin's id")],
    caller: Reader,
    deps: Dependencies,
    response: Response,
    app_id: Annotated[
        ShortText | None, Query(description="the mini-program in which it was granted")
    ] = None,
) -> GrantState:
    """Ask Douyin whether one fan lets the account write first."""
    account = (caller.organization_id, account_id)
    found = await grants.find_grant(deps, account, open_id, app_id)
    response.headers["Cache-Control"] = "no-store"
    return GrantState(
        open_id=open_id,
        is_granted=found is not None,
        granted_from=None if found is None else _from(found),
    )


def _from(whence: Whence) -> GrantedFrom:
    return GrantedFrom(
        entered_from=whence.entered_from,
        path=whence.path,
        query=whence.query,
        attribution=whence.attribution,
        extra=whence.extra,
    )
