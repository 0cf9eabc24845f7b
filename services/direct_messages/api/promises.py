"""How the promise to answer was kept."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Query

from services.direct_messages import actions
from services.direct_messages.actions import Line
from services.direct_messages.api.callers import MessageDeps, Reader
from shared.errors import Invalid, NotFound
from shared.http.errors import errors
from shared.http.models import AskedTime, Id, ResponseModel
from shared.http.routing import Router

router = Router(tags=["agents"])
_LONGEST = timedelta(days=92)


class PromiseOut(ResponseModel):
    """What became of the clocks of one measure. `rate` is met of what ended, none where nothing did.

    `part` is a day of Shanghai, an agent's id, or empty for all. Seconds are business time.
    """

    part: str
    measure: str
    started: int
    met: int
    breached: int
    cancelled: int
    running: int
    rate: float | None
    median_seconds: float | None
    p90_seconds: float | None


class ResponseTimes(ResponseModel):
    """How the promise was kept: any answer, and a person's, beside each other."""

    account_id: str
    since: datetime
    until: datetime
    target_rate: float
    total: list[PromiseOut]
    days: list[PromiseOut]
    agents: list[PromiseOut]


@router.get(
    "/v1/accounts/{account_id}/response-times",
    operation_id="get_response_times",
    responses=errors(NotFound, Invalid),
)
async def get_response_times(
    account_id: Id,
    caller: Reader,
    deps: MessageDeps,
    since: Annotated[AskedTime, Query(description="from this moment on")],
    until: Annotated[AskedTime, Query(description="before this moment; at most 92 days later")],
) -> ResponseTimes:
    """How soon fans were answered, for what came in between: in all, by day, by agent."""
    if not timedelta(0) < until - since <= _LONGEST:
        raise Invalid("`until` must be at most 92 days after `since`", pointer="#/until")
    account = (caller.organization_id, account_id)
    found = await actions.report_promises(deps, account, since, until)
    return ResponseTimes(
        account_id=account_id,
        since=since,
        until=until,
        target_rate=found.target_rate,
        total=[_line_out(line) for line in found.total],
        days=[_line_out(line) for line in found.days],
        agents=[_line_out(line) for line in found.agents],
    )


def _line_out(line: Line) -> PromiseOut:
    ended = line.met + line.breached
    return PromiseOut(
        part=line.part,
        measure=line.measure,
        started=line.started,
        met=line.met,
        breached=line.breached,
        cancelled=line.cancelled,
        running=line.running,
        rate=round(line.met / ended, 4) if ended else None,
        median_seconds=_seconds(line.median_ms),
        p90_seconds=_seconds(line.p90_ms),
    )


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else round(milliseconds / 1000, 3)
