"""What an account publishes, as we found it by looking: videos and live broadcasts."""

from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request

from services.douyin.actions import posts
from services.douyin.actions.asking import AskDeps
from services.douyin.api.configuration import AccountId
from services.douyin.api.contents import Reader
from shared.errors import NotFound
from shared.http.errors import errors
from shared.http.models import ResponseModel
from shared.http.pages import AskedPage, Cursors
from shared.http.routing import Router

router = Router(tags=["douyin"])


async def _deps(request: Request) -> AskDeps:
    deps: AskDeps = request.app.state.asking
    return deps


def _cursors(request: Request) -> Cursors:
    cursors: Cursors = request.app.state.cursors
    return cursors


Dependencies = Annotated[AskDeps, Depends(_deps)]
PostCursors = Annotated[Cursors, Depends(_cursors)]


class VideoOut(ResponseModel):
    """A video as it was seen first. `is_news` false: it is older than our looking, and was not told."""

    item_id: str
    title: str | None
    published_at: datetime
    seen_at: datetime
    is_news: bool


class VideoPage(ResponseModel):
    """Videos, newest first. `looked_until` null: nobody has looked; `error`: why the last look failed."""

    data: list[VideoOut]
    next_cursor: str | None
    looked_until: datetime | None
    error: str | None


class BroadcastOut(ResponseModel):
    """A live broadcast. Douyin names no times: when we saw it first, and by when it was over."""

    room_id: str
    seen_at: datetime
    ended_by: datetime | None


class BroadcastPage(ResponseModel):
    """Broadcasts, the newest first. `looked_until` and `error` as of videos."""

    data: list[BroadcastOut]
    next_cursor: str | None
    looked_until: datetime | None
    error: str | None


@router.get(
    "/v1/accounts/{account_id}/videos",
    operation_id="list_videos",
    responses=errors(NotFound),
)
async def list_videos(
    account_id: AccountId,
    caller: Reader,
    deps: Dependencies,
    cursors: PostCursors,
    page: AskedPage,
) -> VideoPage:
    """Videos of the account that we have seen, newest first."""
    belongs = ("videos", caller.organization_id, account_id)
    before = _place(cursors, page.cursor, belongs)
    tenant = (caller.organization_id, account_id)
    found, look = await posts.list_videos(deps, tenant, before, page.limit)
    ends = [[one.published_at.isoformat(), one.item_id] for one in found[-1:]]
    more = cursors.write(ends[0], *belongs) if len(found) == page.limit else None
    return VideoPage(
        data=[
            VideoOut(
                item_id=one.item_id,
                title=one.title,
                published_at=one.published_at,
                seen_at=one.seen_at,
                is_news=one.is_news,
            )
            for one in found
        ],
        next_cursor=page.then(more),
        looked_until=look.read_until,
        error=look.error,
    )


@router.get(
    "/v1/accounts/{account_id}/live-broadcasts",
    operation_id="list_live_broadcasts",
    responses=errors(NotFound),
)
async def list_live_broadcasts(
    account_id: AccountId,
    caller: Reader,
    deps: Dependencies,
    cursors: PostCursors,
    page: AskedPage,
) -> BroadcastPage:
    """Live broadcasts of the account that we have seen, newest first."""
    belongs = ("broadcasts", caller.organization_id, account_id)
    before = _place(cursors, page.cursor, belongs)
    tenant = (caller.organization_id, account_id)
    found, look = await posts.list_broadcasts(deps, tenant, before, page.limit)
    ends = [[one.seen_at.isoformat(), one.room_id] for one in found[-1:]]
    more = cursors.write(ends[0], *belongs) if len(found) == page.limit else None
    return BroadcastPage(
        data=[
            BroadcastOut(room_id=one.room_id, seen_at=one.seen_at, ended_by=one.ended_by)
            for one in found
        ],
        next_cursor=page.then(more),
        looked_until=look.read_until,
        error=look.error,
    )


def _place(
    cursors: Cursors, cursor: str | None, belongs: tuple[str, ...]
) -> tuple[datetime, str] | None:
    if not cursor:
        return None
    at, row = cursors.read(cursor, *belongs)
    return datetime.fromisoformat(at), row
