"""HTTP in: the batch API for other services, and what people may see of their budgets."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Query, Request

from services.quota import actions
from services.quota.actions import Deps, Settlement
from services.quota.actions.reserving import Granted as Held
from services.quota.actions.reserving import Question
from services.quota.domain import Bucket, Claim, Entry, Reason, Refusal, Resets
from services.quota.domain import Request as Wanted
from shared.contracts.api import quota as contract
from shared.errors import NotFound
from shared.http.errors import errors
from shared.http.models import Id, ResponseModel, Text
from shared.http.pages import AskedPage, Cursors
from shared.http.principal import INTERNAL, Principal, caller_with
from shared.http.routing import Router

router = Router()
Reader = Annotated[Principal, caller_with("quota:read")]


def _deps(request: Request) -> Deps:
    deps: Deps = request.app.state.quota
    return deps


def _cursors(request: Request) -> Cursors:
    cursors: Cursors = request.app.state.cursors
    return cursors


QuotaDeps = Annotated[Deps, Depends(_deps)]
QuotaCursors = Annotated[Cursors, Depends(_cursors)]
_SEES_ALL = contract.Window(opened_by="-", opened_at=datetime.fromtimestamp(0, UTC))


@router.post(
    "/internal/quota/reserve",
    operation_id="quota_reserve",
    responses=errors(),
    tags=["internal"],
    dependencies=[INTERNAL],
)
async def reserve(body: contract.ReserveBatch, deps: QuotaDeps) -> contract.ReserveAnswers:
    """Hold quota for many operations at once. A refusal is an answer: `denied` says why and until when."""
    answers = await actions.reserve(
        deps, [Question(r.operation_id, r.cause, _wanted(r)) for r in body.requests]
    )
    return contract.ReserveAnswers(
        answers=[_answer(r.operation_id, a) for r, a in zip(body.requests, answers, strict=True)]
    )


@router.post(
    "/internal/quota/commit",
    operation_id="quota_commit",
    responses=errors(),
    tags=["internal"],
    dependencies=[INTERNAL],
)
async def commit(body: contract.SettleBatch, deps: QuotaDeps) -> contract.SettleAnswers:
    """Turn held items into used ones; repeated, it changes nothing."""
    return await _settle(deps, body, Entry.COMMITTED)


@router.post(
    "/internal/quota/release",
    operation_id="quota_release",
    responses=errors(),
    tags=["internal"],
    dependencies=[INTERNAL],
)
async def release(body: contract.SettleBatch, deps: QuotaDeps) -> contract.SettleAnswers:
    """Give held items back; repeated, or after a commit, it changes nothing."""
    return await _settle(deps, body, Entry.RELEASED)


@router.post(
    "/internal/quota/peek",
    operation_id="quota_peek",
    responses=errors(),
    tags=["internal"],
    dependencies=[INTERNAL],
)
async def peek(body: contract.PeekBatch, deps: QuotaDeps) -> contract.PeekAnswers:
    """How limits stand now; nothing is held."""
    wanted = [_looked_at(r) for r in body.requests]
    found = await actions.peek(deps, "*", wanted)
    return contract.PeekAnswers(
        answers=[
            None if states is None else contract.PeekAnswer(limits=[_state(*s) for s in states])
            for states in found
        ]
    )


@router.get(
    "/v1/accounts/{account_id}/quotas",
    operation_id="list_quotas",
    responses=errors(NotFound),
    tags=["quota"],
)
async def list_quotas(
    account_id: Id,
    caller: Reader,
    deps: QuotaDeps,
    fan: Annotated[Text | None, Query(max_length=200, description="open_id of a fan")] = None,
) -> contract.PeekAnswer:
    """The account's monthly budget and, with `fan`, what may still be written to that fan, and when again."""
    purposes = ["push.monthly"] if fan is None else ["push.monthly", "dm.reply", "dm.enter"]
    requests = [
        _looked_at(
            contract.PeekRequest(
                organization_id=caller.organization_id,
                account_id=account_id,
                purpose=contract.Purpose(purpose),
                subject=account_id if purpose == "push.monthly" else fan or "",
                actor="person",
            )
        )
        for purpose in purposes
    ]
    found = await actions.peek(deps, caller.organization_id, requests)
    if None in found:  # foreign, or not yet there
        raise NotFound("no such account")
    return contract.PeekAnswer(limits=[_state(*s) for states in found if states for s in states])


class EntryOut(ResponseModel):
    """One ledger entry."""

    at: datetime
    reservation_id: str
    operation_id: str
    limit: str
    item: int
    entry: str
    units: int
    subject: str
    window_id: str
    reason: str
    actor: str
    cause: str


class EntryPage(ResponseModel):
    """Ledger entries, newest reservation first."""

    data: list[EntryOut]
    next_cursor: str | None


@router.get(
    "/v1/accounts/{account_id}/quota-entries",
    operation_id="list_quota_entries",
    responses=errors(NotFound),
    tags=["quota"],
)
async def list_quota_entries(
    account_id: Id,
    caller: Reader,
    deps: QuotaDeps,
    cursors: QuotaCursors,
    page: AskedPage,
    subject: Annotated[
        Text, Query(max_length=200, description="a fan's open_id, or the account id")
    ] = "",
) -> EntryPage:
    """Everything that was held, committed and released: the append-only ledger."""
    belongs = ("quota-entries", caller.organization_id, account_id, subject)
    before = cursors.read(page.cursor, *belongs) if page.cursor else None
    tenant = (caller.organization_id, account_id)
    rows = await actions.list_history(deps, tenant, subject, before, page.limit)
    more = None
    if len(rows) == page.limit:
        last = rows[-1]
        place = [last.reservation_id, last.limit, last.item, last.entry]
        more = cursors.write(place, *belongs)
    fields = EntryOut.model_fields
    return EntryPage(
        data=[EntryOut(**{f: getattr(row, f) for f in fields}) for row in rows],
        next_cursor=page.then(more),
    )


def _wanted(r: contract.ReserveRequest) -> Wanted:
    return Wanted(
        r.organization_id,
        r.account_id,
        r.purpose.value,
        r.subject,
        r.items,
        r.actor,
        r.window.opened_by if r.window else None,
        r.window.opened_at if r.window else None,
        r.planned_at,
        follows=False,
    )


def _looked_at(r: contract.PeekRequest) -> Wanted:
    """A look opens no window: an ancient one is older than any that is known."""
    window = None if r.purpose is contract.Purpose.PUSH else _SEES_ALL
    opened_by, opened_at = (window.opened_by, window.opened_at) if window else (None, None)
    tenant = (r.organization_id, r.account_id)
    return Wanted(
        *tenant, r.purpose.value, r.subject, 1, r.actor, opened_by, opened_at, None, follows=False
    )


def _answer(operation_id: str, answer: Held | Refusal | None) -> contract.ReserveAnswer | None:
    if answer is None:
        return None
    if isinstance(answer, Held):
        window = answer.window and contract.HeldIn(
            opened_by=answer.window[0], opened_at=answer.window[1]
        )
        granted = contract.Granted(
            reservation_id=answer.reservation_id, held_in=window, limits=list(answer.limits)
        )
        return contract.ReserveAnswer(operation_id=operation_id, granted=granted, denied=None)
    denied = contract.Denied(
        limit=answer.limit,
        reason=answer.reason.value,
        cap=answer.cap,
        used=answer.used,
        held=answer.held,
        resets=contract.Resets(on=answer.resets.on, at=answer.resets.at),
    )
    return contract.ReserveAnswer(operation_id=operation_id, granted=None, denied=denied)


def _state(claim: Claim | None, found: Bucket | Refusal) -> contract.LimitState:
    if isinstance(found, Refusal):
        shown = contract.Resets(on=found.resets.on, at=found.resets.at)
        return contract.LimitState(
            limit=found.limit,
            window_id=None,
            window_start=None,
            window_end=None,
            cap=found.cap,
            used=0,
            held=0,
            available=0,
            resets=shown,
        )
    resets = claim.resets if claim else Resets("never")
    shown = contract.Resets(on=resets.on, at=resets.at)
    opened = found.window_id != _SEES_ALL.opened_by
    taken = found.used + found.held
    room = None if found.cap is None else max(found.cap - taken, 0)
    closed = found.closed in {Reason.CLOSED_BY_PLATFORM, Reason.WINDOW_EXPIRED} or not opened
    return contract.LimitState(
        limit=found.key.limit,
        window_id=found.window_id if opened else None,
        window_start=found.window_start if opened else None,
        window_end=found.window_end if opened else None,
        cap=found.cap,
        used=found.used,
        held=found.held,
        available=0 if closed else room,
        resets=shown,
    )


async def _settle(deps: Deps, body: contract.SettleBatch, entry: Entry) -> contract.SettleAnswers:
    settlements = [
        Settlement(
            r.organization_id,
            r.account_id,
            r.reservation_id,
            None if r.items is None else frozenset(r.items),
            entry,
        )
        for r in body.requests
    ]
    moved = await actions.settle(deps, settlements)
    return contract.SettleAnswers(
        answers=[
            contract.Settled(reservation_id=r.reservation_id, changed=n)
            for r, n in zip(body.requests, moved, strict=True)
        ]
    )
