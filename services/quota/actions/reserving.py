"""Reserve and peek: batches of questions, decided one after the other on locked buckets."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from services.quota import domain, store
from services.quota.actions.deps import Deps
from services.quota.domain import Bucket, BucketKey, Claim, Entry, Line, Refusal, Request
from shared import ids
from shared.contracts.envelope import Envelope, Origin
from shared.contracts.events.quota import ThresholdReached
from shared.db import ALL_TENANTS, Conflict, Tx
from shared.errors import NeighbourAway
from shared.observability import metrics

log = structlog.get_logger()

_LEASE = timedelta(minutes=2)  # a reply that was not settled by then is asked about
_PUSH_LEASE = timedelta(hours=2)  # push.release_after_hours, from the planned start (D7)
_TRIES = 50  # each but the first follows a commit of somebody else's


class _Slower(Exception):
    """Somebody else opened one of these windows meanwhile, or asked for one of these operations."""


Plan = tuple[Claim, ...] | Refusal
Standing = tuple[Claim | None, Bucket | Refusal]  # of one limit


@dataclass(frozen=True, slots=True)
class Question:
    """A request with the operation it is for and the inbound that caused it."""

    operation_id: str
    cause: str
    request: Request


@dataclass(frozen=True, slots=True)
class Granted:
    """Held under this id, for the operation that asked, now or earlier.

    `window`: the event that opened the window which it counts in, and when.
    """

    reservation_id: str
    limits: tuple[str, ...]
    window: tuple[str, datetime] | None


async def reserve(deps: Deps, questions: Sequence[Question]) -> list[Granted | Refusal | None]:
    """Answer every question, in order, in one transaction. Raises NeighbourAway.

    An operation that asks again gets the reservation it has. None: the account is not known here yet.
    """
    for _ in range(_TRIES):
        with suppress(_Slower):
            answers = await _reserve(deps, questions)
            break
    else:
        raise NeighbourAway("others kept being quicker", neighbour="quota")
    for question, answer in zip(questions, answers, strict=True):
        word = _word(answer)
        metrics.child(metrics.quota_answers, question.request.purpose, word).inc()
        held = answer.reservation_id if isinstance(answer, Granted) else None
        log.info(
            "quota_answered",
            cause=question.cause,
            operation=question.operation_id,
            answer=word,
            reservation=held,
        )
    return answers


async def _reserve(deps: Deps, questions: Sequence[Question]) -> list[Granted | Refusal | None]:
    async with deps.database.transaction(ALL_TENANTS) as tx:
        plans = await _plans(tx, questions)
        keys = _keys(plans)
        before = await store.lock_buckets(tx, keys)
        known = await store.reserved(tx, [_operation(q) for q in questions])
        batch = _Batch({key: before.get(key) or domain.unopened(key) for key in keys}, known)
        answers = [
            batch.answer(question, plan, tx.now)
            for question, plan in zip(questions, plans, strict=True)
        ]
        new = [b for key, b in batch.buckets.items() if key not in before]
        if not await store.open_buckets(tx, [b for b in new if b != domain.unopened(b.key)]):
            raise _Slower
        await store.save_buckets(
            tx, [batch.buckets[key] for key in before if batch.buckets[key] != before[key]]
        )
        try:
            await store.add_reservations(tx, batch.reservations)
        except Conflict as conflict:
            if conflict.constraint != store.ONE_OPERATION:
                raise
            raise _Slower from conflict
        await store.record(tx, batch.entries)
        _tell_thresholds(tx, before, batch)
    return answers


async def peek(deps: Deps, tenant: str, requests: Sequence[Request]) -> list[list[Standing] | None]:
    """How each limit of each request stands now, nothing held. None: the account is not known here."""
    async with deps.database.transaction(tenant) as tx:
        plans = await _plans(tx, [Question("", "", r) for r in requests])
        found = await store.peek_buckets(tx, _keys(plans))
    return [_standing(plan, found) for plan in plans]


def _standing(plan: Plan | None, found: dict[BucketKey, Bucket]) -> list[Standing] | None:
    if plan is None:
        return None
    if isinstance(plan, Refusal):
        return [(None, plan)]
    return [(c, domain.in_window(found.get(c.key) or domain.unopened(c.key), c)) for c in plan]


def _keys(plans: Sequence[Plan | None]) -> set[BucketKey]:
    return {claim.key for plan in plans if isinstance(plan, tuple) for claim in plan}


def _word(answer: Granted | Refusal | None) -> str:
    if answer is None:
        return "unknown_account"
    return "granted" if isinstance(answer, Granted) else answer.reason.value


def _operation(question: Question) -> tuple[str, str, str]:
    return question.request.organization_id, question.request.account_id, question.operation_id


async def _plans(tx: Tx, questions: Sequence[Question]) -> list[Plan | None]:
    policies = await store.policies_of(
        tx, {(q.request.organization_id, q.request.account_id) for q in questions}
    )
    fans = [(q.request.organization_id, q.request.account_id, q.request.subject) for q in questions]
    following = await store.followers(
        tx, [f for f, q in zip(fans, questions, strict=True) if q.request.opened_by]
    )
    plans: list[Plan | None] = []
    for question, fan in zip(questions, fans, strict=True):
        policy = policies.get(fan[:2])
        if policy is None:  # no error: who asks for others as well must not wait for this one
            plans.append(None)
            continue
        request = question.request if fan not in following else _as_follower(question.request)
        plans.append(domain.plan(request, policy, tx.now))
    return plans


def _as_follower(request: Request) -> Request:
    return Request(
        request.organization_id,
        request.account_id,
        request.purpose,
        request.subject,
        request.items,
        request.actor,
        request.opened_by,
        request.opened_at,
        request.planned_at,
        follows=True,
    )


class _Batch:
    """The state of a batch while its questions are answered."""

    def __init__(
        self, buckets: dict[BucketKey, Bucket], known: dict[tuple[str, str, str], store.Reserved]
    ) -> None:
        self.buckets = buckets
        self._known = known
        self.reservations: list[tuple[object, ...]] = []
        self.entries: list[store.NewEntry] = []
        self.asked: dict[BucketKey, Question] = {}  # the last that was granted

    def answer(
        self, question: Question, plan: Plan | None, now: datetime
    ) -> Granted | Refusal | None:
        """Hold every claim of the plan, or none."""
        if plan is None:
            return None
        if earlier := self._known.get(_operation(question)):
            limits = () if isinstance(plan, Refusal) else tuple(c.key.limit for c in plan)
            return Granted(
                earlier.id, limits, _earlier_window(earlier, question.request, plan, self.buckets)
            )
        if isinstance(plan, Refusal):
            return plan
        held: dict[BucketKey, Bucket] = {}
        for claim in plan:
            opened = domain.in_window(self.buckets[claim.key], claim)
            self.buckets[claim.key] = opened  # a newer window is open, whatever the answer
            outcome = domain.hold(opened, claim)
            if isinstance(outcome, Refusal):
                return outcome
            held[claim.key] = outcome
        self.buckets.update(held)
        return self._book(question, plan, now)

    def _book(self, question: Question, plan: tuple[Claim, ...], now: datetime) -> Granted:
        request, reservation_id = question.request, ids.new("rsv")
        window = _window(self.buckets, plan)
        self._known[_operation(question)] = store.Reserved(reservation_id, window and window[0])
        for claim in plan:
            window_id = self.buckets[claim.key].window_id
            numbers = range(claim.units) if claim.by_item else (domain.OPERATION_ITEM,)
            units = 1 if claim.by_item else claim.units
            lines = [
                Line(reservation_id, claim.key, window_id, number, units, None)
                for number in numbers
            ]
            self.entries += [store.NewEntry(line, Entry.HELD, "") for line in lines]
            self.asked[claim.key] = question
        by_item = any(claim.by_item for claim in plan)
        self.reservations.append(
            (
                *(
                    request.organization_id,
                    request.account_id,
                    reservation_id,
                    question.operation_id,
                ),
                *(request.purpose, request.subject, request.actor, request.items if by_item else 1),
                *(question.cause, _lease_seconds(request, now)),
            )
        )
        return Granted(reservation_id, tuple(claim.key.limit for claim in plan), window)


def _window(buckets: dict[BucketKey, Bucket], plan: Plan) -> tuple[str, datetime] | None:
    """What opened the window of the plan that an event opens, and when."""
    claims = () if isinstance(plan, Refusal) else plan
    opened = (buckets[claim.key] for claim in claims if not claim.key.slot)
    return next(((bucket.window_id, bucket.window_start) for bucket in opened), None)


def _earlier_window(
    earlier: store.Reserved,
    request: Request,
    plan: Plan,
    buckets: dict[BucketKey, Bucket],
) -> tuple[str, datetime] | None:
    """The same of what was held before; what is past both windows known is taken for the older one."""
    if earlier.opened_by is None or request.opened_at is None:
        return None
    now_open = _window(buckets, plan)
    is_open = now_open is not None and now_open[0] == earlier.opened_by
    return now_open if is_open else (earlier.opened_by, request.opened_at)


def _lease_seconds(request: Request, now: datetime) -> float:
    if request.purpose != "push.monthly":
        return _LEASE.total_seconds()
    return (
        max((request.planned_at or now) - now, timedelta(0)).total_seconds()
        + _PUSH_LEASE.total_seconds()
    )


def _tell_thresholds(tx: Tx, before: dict[BucketKey, Bucket], batch: _Batch) -> None:
    for key, question in batch.asked.items():
        bucket = batch.buckets[key]
        for mark in domain.marks_crossed(before.get(key) or domain.unopened(key), bucket):
            event = ThresholdReached(
                limit=key.limit,
                quota_subject=key.subject,
                window_id=bucket.window_id,
                mark=mark,
                used=bucket.used,
                held=bucket.held,
                cap=bucket.cap or 0,
            )
            subject = f"{key.limit}:{key.subject}:{bucket.window_id}"
            taken, trace = bucket.used + bucket.held, ids.trace_parent()
            origin = Origin(key.organization_id, key.account_id, question.cause, trace)
            tx.publish(Envelope.of(event, origin, subject=subject, seq=taken, at=tx.now))
