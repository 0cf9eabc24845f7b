"""What the platform allows a Douyin app, and what of it is taken."""

from datetime import datetime

from services.douyin.actions.limits import LimitsView, show_limits
from services.douyin.api.configuration import ClientKey, Dependencies, Manager
from services.douyin.domain.limits import Calls
from shared.errors import NotFound
from shared.http.errors import errors
from shared.http.models import ResponseModel
from shared.http.routing import Router

router = Router(tags=["douyin"])


class DailyCalls(ResponseModel):
    """Calls of one kind. `taken` is at most a little ahead of what left: processes take some in advance.

    `limit` is null where the platform names no number, `closed_at` the time at which it said that the day
    is used up.
    """

    calls: Calls
    limit: int | None
    taken: int
    closed_at: datetime | None


class DouyinAppLimits(ResponseModel):
    """The limits of a Douyin app on the platform's day, which is one of Shanghai."""

    client_key: str
    window_start: datetime
    window_end: datetime
    daily: list[DailyCalls]
    calls_per_second: int | None


@router.get(
    "/v1/douyin-apps/{client_key}/limits",
    operation_id="get_douyin_app_limits",
    responses=errors(NotFound),
)
async def get_douyin_app_limits(
    client_key: ClientKey, caller: Manager, deps: Dependencies
) -> DouyinAppLimits:
    """How many calls the platform allows the app, and how many are taken today."""
    return _limits(await show_limits(deps.database, caller.organization_id, client_key))


def _limits(view: LimitsView) -> DouyinAppLimits:
    daily = [
        DailyCalls(calls=one.calls, limit=one.limit, taken=one.taken, closed_at=one.closed_at)
        for one in view.daily
    ]
    return DouyinAppLimits(
        client_key=view.client_key,
        window_start=view.day.begins_at,
        window_end=view.day.ends_at,
        daily=daily,
        calls_per_second=view.calls_per_second,
    )
