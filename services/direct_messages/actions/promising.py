"""The promise to answer: clocks start with a fan's message, stop with what she sees, and warn between."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from services.direct_messages import store
from services.direct_messages.actions.deps import Deps
from services.direct_messages.actions.handing_over import Change, change_owners, tell
from services.direct_messages.domain import conversations as conversing
from services.direct_messages.domain import handing_over, promises
from services.direct_messages.domain.conversations import Owner, Reason
from services.direct_messages.domain.handing_over import OPEN_STAGES, HandOff, HandOffStage
from services.direct_messages.domain.policy import Policy
from services.direct_messages.domain.promises import Clock, Start, Told
from services.direct_messages.domain.waits import LOOK_AGAIN
from services.direct_messages.store import EVERYBODY, Account, Line, News, Stopped, Visible
from shared import ids, inbox
from shared.contracts.envelope import Envelope, Origin
from shared.contracts.events.direct_messages import FanWaited, SlaBreached, SlaWarned
from shared.db import ALL_TENANTS, Tx
from shared.errors import NotFound
from shared.observability import metrics

log = structlog.get_logger()

_AT_ONCE = 500
_BATCHES = 20


@dataclass(frozen=True, slots=True)
class PromiseReport:
    """How the promise was kept in a stretch of time."""

    target_rate: float
    total: list[Line]
    days: list[Line]
    agents: list[Line]


async def start(tx: Tx, started: Sequence[tuple[Start, Policy]]) -> None:
    """Start the clocks of these messages, in their order, where none runs already."""
    if started:
        found = [clock for one, policy in started for clock in promises.clocks(one, policy)]
        await store.start_clocks(tx, found)


async def stop(deps: Deps, tx: Tx, seen: Sequence[Visible]) -> None:
    """A fan saw these: stop what they answer."""
    if not seen:
        return
    stopped = await store.stop_clocks(tx, seen)
    partial = [one for one in stopped if not one.round_the_clock]
    if not partial:
        return
    accounts = {(one.organization_id, one.account_id) for one in partial}
    settings = await deps.catalogue.settings(tx, accounts)
    await store.set_elapsed(
        tx,
        [
            (one, _business_ms(one, settings[one.organization_id, one.account_id].policy))
            for one in partial
        ],
    )


def _business_ms(one: Stopped, policy: Policy) -> int:
    elapsed = policy.calendar.elapsed(one.started_at, one.answered_at)
    return round(elapsed.total_seconds() * 1000)


async def ask_again(tx: Tx, waits: Sequence[Envelope]) -> None:
    """Nothing was decided on these waits, since somebody had them or was answering: look again soon.

    Should that come to nothing, the rules are still to be asked.
    """
    told = [(e.organization_id, e.account_id, FanWaited.model_validate(e.data)) for e in waits]
    places = [(org, acc, wait.clock_id, wait.asked, wait.minutes) for org, acc, wait in told]
    await store.ask_again(tx, places, tx.now + LOOK_AGAIN)


async def watch_promises(deps: Deps) -> int:
    """Warn, tell breaches, close what nobody will answer; how many clocks moved."""
    moved = 0
    for _ in range(_BATCHES):  # a tick has 20 seconds
        turned = await _turn(deps)
        moved += turned
        if turned < _AT_ONCE:
            break
    return moved


async def _turn(deps: Deps) -> int:
    async with deps.database.transaction(ALL_TENANTS) as tx:
        due = await store.due_clocks(tx, _AT_ONCE)
        turned = [promises.turned(clock, tx.now) for clock in due]
        if turned:
            await store.turn_clocks(tx, [clock for clock, _ in turned])
        steps = [(clock, step) for clock, told in turned for step in told]
        events = [(clock, _announced(tx, clock, step)) for clock, step in steps]
        # what goes nowhere is recorded and reported; on a screen it would hide what somebody must do
        await store.add_news(tx, [_news(c, event) for c, event in events if c.escalates])
        return len(turned)


def _announced(tx: Tx, clock: Clock, step: Told) -> SlaWarned | SlaBreached:
    log.info("promise", step=step, measure=clock.measure, conversation=clock.conversation_id)
    metrics.child(metrics.promises, clock.measure, step).inc()
    event = _event(clock, step)
    origin = Origin(clock.organization_id, clock.account_id, clock.id, ids.trace_parent())
    seq = list(Told).index(step)
    tx.publish(Envelope.of(event, origin, subject=clock.conversation_id, seq=seq, at=tx.now))
    return event


def _news(clock: Clock, event: SlaWarned | SlaBreached) -> News:
    place = (clock.organization_id, clock.account_id, clock.conversation_id)
    return News(*place, event.type.partition(".")[2], event.model_dump(mode="json"), EVERYBODY)


def _event(clock: Clock, step: Told) -> SlaWarned | SlaBreached:
    facts = {
        "clock_id": clock.id,
        "measure": clock.measure.value,
        "conversation_id": clock.conversation_id,
        "started_at": clock.started_at,
        "breach_at": clock.breach_at,
    }
    if step is Told.WARNED:
        return SlaWarned.model_validate(facts)
    to = "owner" if step is Told.ESCALATED else "supervisor" if clock.escalates else None
    return SlaBreached.model_validate({**facts, "escalated_to": to})


async def ask_others(deps: Deps, envelope: Envelope, breach: SlaBreached) -> None:
    """Whoever was to answer did not: it waits again, before others, for somebody else.

    Where nobody was asked so far somebody is now, if the organization has agents at all.
    """
    async with deps.database.transaction(envelope.organization_id) as tx:
        fresh = await inbox.take(tx, [envelope])
        conversation_id = breach.conversation_id
        found = await store.conversation(tx, envelope.organization_id, conversation_id, lock=True)
        is_open = await store.is_running(tx, (*_account(envelope), breach.clock_id, breach.measure))
        if not (fresh and found and is_open):
            return
        key = (*_account(envelope), conversation_id)
        hand_off = (await store.open_hand_offs(tx, [key])).get(key)
        if hand_off is not None:
            await _ask_again(tx, hand_off, envelope)
        elif await store.has_agents(tx, envelope.organization_id):
            after = conversing.taken(found, Reason.SLA_BREACHED, tx.now)
            await store.save_conversations(tx, [after])
            change = Change(
                after, Owner.PERSON, Reason.SLA_BREACHED, envelope.cause, envelope.trace
            )
            await change_owners(tx, [change])


async def _ask_again(tx: Tx, hand_off: HandOff, envelope: Envelope) -> None:
    is_waiting = hand_off.stage is HandOffStage.QUEUED
    after = hand_off if is_waiting else handing_over.passed_over(hand_off, tx.now)
    after = handing_over.urgent(after)
    await store.save_hand_offs(tx, [after])
    if not is_waiting:
        await tell(tx, after, Reason.SLA_BREACHED, envelope.origin)


def _account(envelope: Envelope) -> Account:
    return envelope.organization_id, envelope.account_id


async def report_promises(
    deps: Deps, account: Account, since: datetime, until: datetime
) -> PromiseReport:
    """How the promise was kept for what came in between. Raises NotFound."""
    async with deps.database.transaction(account[0], seconds=20) as tx:
        setting = (await deps.catalogue.settings(tx, [account])).get(account)
        if setting is None:
            raise NotFound("no such account")
        parts = [
            await store.report(tx, account, since, until, by) for by in ("all", "day", "agent")
        ]
        return PromiseReport(setting.policy.people.target_rate, *parts)


async def measure_people(deps: Deps) -> None:
    """Show how much is with people, and whom they keep waiting."""
    async with deps.database.transaction(ALL_TENANTS) as tx:
        with_people = await store.hand_off_counts(tx)
        overdue = await store.overdue_clocks(tx)
    for stage in OPEN_STAGES:
        count, age = with_people.get(stage, (0, 0.0))
        metrics.child(metrics.hand_offs, stage).set(count)
        metrics.child(metrics.hand_off_oldest, stage).set(age)
    for measure in promises.Measure:
        metrics.child(metrics.promises_broken, measure).set(overdue.get(measure, 0))
