"""The operations API: how everything stands, and dead letters. Counts and ids, never a text."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import Depends, Query, Request
from pydantic import Field

from services.embedded.console.dead_letters import DeadLetter, DeadLetters, Redriven
from services.embedded.console.standing import Standing, Watch
from shared.db import Database
from shared.http.errors import errors
from shared.http.idempotency import ONCE, Once, OptionalKey
from shared.http.models import RequestModel, ResponseModel, ShortText
from shared.http.pages import AskedPage, Cursors
from shared.http.principal import Principal, caller_with
from shared.http.routing import Router

router = Router(tags=["operations"])
Operator = Annotated[Principal, caller_with("operations:manage")]
_AT_ONCE = 250
_PATIENCE = 3.0  # seconds that a redrive waits for its outcome


def _letters(request: Request) -> DeadLetters:
    letters: DeadLetters = request.app.state.dead_letters
    return letters


def _watch(request: Request) -> Watch:
    watch: Watch = request.app.state.watch
    return watch


def _cursors(request: Request) -> Cursors:
    cursors: Cursors = request.app.state.cursors
    return cursors


def _answers(request: Request) -> Database:
    answers: Database = request.app.state.answers
    return answers


Letters = Annotated[DeadLetters, Depends(_letters)]
Answers = Annotated[Database, Depends(_answers)]  # where answers are kept by Idempotency-Key
LetterCursors = Annotated[Cursors, Depends(_cursors)]


class LaneOut(ResponseModel):
    """A stream on which a service hears: what is on it, and how old the oldest is."""

    lane: str
    entries: int | None
    oldest_seconds: float | None


class ServiceOut(ResponseModel):
    """One service: whether its database answers, what it has told and not had acknowledged."""

    name: str
    database: Literal["ok", "away"]
    outbox_rows: int | None
    outbox_oldest_seconds: float | None
    dead_letters: int | None
    lanes: list[LaneOut]


class StandingOut(ResponseModel):
    """Everything at a glance. What is null was not measured in this process yet."""

    at: datetime
    redis: Literal["ok", "away"]
    unknown_sends: int | None
    quota_drift: int | None
    loop_lag_seconds: float | None
    services: list[ServiceOut]


class DeadLetterOut(ResponseModel):
    """What was put aside: an envelope, or a webhook (`service` is `douyin.inbound`) that was stored and not told.

    `decision`: where to read why the message was answered so.
    """

    service: str
    id: str
    lane: str
    type: str | None
    state: Literal["waiting", "retrying"]
    reason: str
    attempts: int
    since: datetime
    account_id: str | None
    subject: str | None
    cause: str | None
    decision: str | None


class DeadLetterPage(ResponseModel):
    """Dead letters, by service, the oldest first."""

    data: list[DeadLetterOut]
    next_cursor: str | None


class LetterIn(RequestModel):
    """Names one letter."""

    service: ShortText
    id: ShortText


class RedriveIn(RequestModel):
    """Which letters shall go to their consumers again."""

    letters: Annotated[list[LetterIn], Field(min_length=1, max_length=_AT_ONCE)]


class RedrivenOut(ResponseModel):
    """What became of one letter. `retrying`: its consumer has not answered yet; it stays in the list."""

    service: str
    id: str
    result: Literal["handled", "failed_again", "retrying", "not_found"]
    reason: str


class RedriveOut(ResponseModel):
    """What became of each letter, in the order of the request."""

    results: list[RedrivenOut]


@router.get("/v1/operations/standing", operation_id="get_standing", responses=errors())
async def get_standing(_: Operator, watch: Annotated[Watch, Depends(_watch)]) -> StandingOut:
    """Health of the services, ages of queues, unknown sends, drift and the number of dead letters."""
    return _standing_out(await watch.look())


@router.get("/v1/operations/dead-letters", operation_id="list_dead_letters", responses=errors())
async def list_dead_letters(
    caller: Operator,
    letters: Letters,
    cursors: LetterCursors,
    page: AskedPage,
    service: Annotated[ShortText | None, Query(description="only those of this service")] = None,
) -> DeadLetterPage:
    """What was put aside: that of your organization, and what nobody can read."""
    belongs = ("dead-letters", caller.organization_id, service or "")
    after = ("", "")
    if page.cursor:
        name, last = cursors.read(page.cursor, *belongs)
        after = (name, last)
    found = await letters.listed(caller.organization_id, service, after, page.limit)
    more = None
    if len(found) == page.limit:
        more = cursors.write([found[-1].service, found[-1].id], *belongs)
    return DeadLetterPage(data=[_letter_out(one) for one in found], next_cursor=page.then(more))


@router.post(
    "/v1/operations/dead-letters/redrive",
    operation_id="redrive_dead_letters",
    responses=errors(*ONCE),
)
async def redrive_dead_letters(
    body: RedriveIn, key: OptionalKey, caller: Operator, letters: Letters, answers: Answers
) -> RedriveOut:
    """Hand letters to their consumers again; repeated, what was handled is not handled twice.

    An answer comes within seconds. None is forgotten before it is handled.
    """
    chosen = [(one.service, one.id) for one in body.letters]
    once = Once(key, _redriven_out, 200)
    async with once.held(answers, caller.organization_id):
        done = await letters.redrive(caller.organization_id, chosen, seconds=_PATIENCE)
        async with answers.transaction(caller.organization_id) as tx:
            await once.keep(tx, caller.organization_id, done)
    return _redriven_out(done)


def _redriven_out(done: list[Redriven]) -> RedriveOut:
    fields = RedrivenOut.model_fields
    return RedriveOut(results=[RedrivenOut(**{f: getattr(r, f) for f in fields}) for r in done])


def _standing_out(standing: Standing) -> StandingOut:
    return StandingOut(
        at=datetime.now(UTC),
        redis="ok" if standing.is_redis_there else "away",
        unknown_sends=standing.unknown_sends,
        quota_drift=standing.quota_drift,
        loop_lag_seconds=standing.loop_lag_seconds,
        services=[
            ServiceOut(
                name=s.name,
                database="away" if s.dead_letters is None else "ok",
                outbox_rows=s.outbox_rows,
                outbox_oldest_seconds=s.outbox_oldest_seconds,
                dead_letters=s.dead_letters,
                lanes=[
                    LaneOut(lane=n.lane, entries=n.entries, oldest_seconds=n.oldest_seconds)
                    for n in s.lanes
                ],
            )
            for s in standing.services
        ],
    )


def _letter_out(letter: DeadLetter) -> DeadLetterOut:
    message = letter.decided_message
    return DeadLetterOut(
        service=letter.service,
        id=letter.id,
        lane=letter.lane,
        type=letter.type,
        state="retrying" if letter.is_retrying else "waiting",
        reason=letter.reason,
        attempts=letter.attempts,
        since=letter.since,
        account_id=letter.account_id,
        subject=letter.subject,
        cause=letter.cause,
        decision=f"/v1/messages/{message}/decision" if message else None,
    )
