"""Who follows an account, and what they are like together, as Douyin lists it."""

from typing import Literal

from fastapi import Response

from services.douyin.actions import followers
from services.douyin.api.configuration import AccountId
from services.douyin.api.looks import Dependencies, Reader
from services.douyin.api.posts import PostCursors
from services.douyin.domain.followers import Follower, Share
from services.douyin.domain.refusals import (
    AccountNotAuthorised,
    PlatformBusy,
    PlatformQuotaUsed,
    PlatformRefused,
)
from shared.errors import NotFound
from shared.http.errors import errors
from shared.http.models import ResponseModel
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


class FollowerOut(ResponseModel):
    """Somebody who follows. What Douyin does not say is null."""

    open_id: str
    union_id: str | None
    nickname: str | None
    avatar: str | None
    city: str | None
    province: str | None
    country: str | None
    gender: Literal["male", "female"] | None


class FollowerPage(ResponseModel):
    """Followers in no order; Douyin lists the newest 5,000 at most. `total`: how many it lists."""

    data: list[FollowerOut]
    next_cursor: str | None
    total: int | None


class ShareOut(ResponseModel):
    """So many of the fans are this; the names are Douyin's."""

    name: str
    fans: int


class FlowOut(ResponseModel):
    """How much of a number (plays, likes, comments, shares) comes from fans, and from all."""

    name: str
    of_fans: int
    of_all: int


class FanPortrait(ResponseModel):
    """All who follow, together. An empty list: Douyin says nothing about it."""

    fans: int
    genders: list[ShareOut]
    ages: list[ShareOut]
    regions: list[ShareOut]
    active_days: list[ShareOut]
    devices: list[ShareOut]
    interests: list[ShareOut]
    flows: list[FlowOut]


@router.get(
    "/v1/accounts/{account_id}/followers",
    operation_id="list_followers",
    responses=errors(*_REFUSALS),
)
async def list_followers(
    account_id: AccountId,
    caller: Reader,
    deps: Dependencies,
    cursors: PostCursors,
    page: AskedPage,
) -> FollowerPage:
    """Ask Douyin who follows the account. The fans' follow states are kept up by it.

    The list is Douyin's: who follows or leaves during a walk through its pages may be missed.
    """
    account = (caller.organization_id, account_id)
    belongs = ("followers", *account)
    begin = int(cursors.read(page.cursor, *belongs)[0]) if page.cursor else 0
    found = await followers.list_followers(deps, account, begin, page.limit)
    page.response.headers["Cache-Control"] = "no-store"
    more = None if found.then is None else cursors.write([found.then], *belongs)
    return FollowerPage(
        data=[_follower(one) for one in found.rows],
        next_cursor=page.then(more),
        total=found.total,
    )


@router.get(
    "/v1/accounts/{account_id}/fan-portrait",
    operation_id="get_fan_portrait",
    responses=errors(*_REFUSALS),
)
async def get_fan_portrait(
    account_id: AccountId, caller: Reader, deps: Dependencies, response: Response
) -> FanPortrait:
    """Ask Douyin what the followers are like together: sex, age, place, devices, interests. Kept nowhere."""
    found = await followers.read_portrait(deps, caller.organization_id, account_id)
    response.headers["Cache-Control"] = "no-store"
    return FanPortrait(
        fans=found.fans,
        genders=_shares(found.genders),
        ages=_shares(found.ages),
        regions=_shares(found.regions),
        active_days=_shares(found.active_days),
        devices=_shares(found.devices),
        interests=_shares(found.interests),
        flows=[FlowOut(name=f.name, of_fans=f.of_fans, of_all=f.of_all) for f in found.flows],
    )


def _shares(found: list[Share]) -> list[ShareOut]:
    return [ShareOut(name=one.name, fans=one.fans) for one in found]


def _follower(one: Follower) -> FollowerOut:
    return FollowerOut.model_validate({name: getattr(one, name) for name in Follower.__slots__})
