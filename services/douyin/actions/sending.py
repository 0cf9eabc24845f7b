"""Takes send requests: the intent is written before any byte leaves. And what time does to attempts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from services.douyin import store
from services.douyin.actions.claiming import Claim
from services.douyin.actions.dispatch import Dispatcher
from services.douyin.actions.settling import count, tell
from services.douyin.domain.attempts import SETTLED
from services.douyin.domain.contents import fields_of, sent_hash
from shared import inbox
from shared.contracts.envelope import Envelope
from shared.contracts.events.direct_messages import SendItem, SendRequested
from shared.contracts.events.quota import ReservationOverdue
from shared.db import ALL_TENANTS, Database, Tx
from shared.failpoints import failpoint
from shared.observability import metrics
from shared.sealing import Sealer

_IN_DOUBT_AT_MOST = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class SendDeps:
    """What sending needs."""

    database: Database
    sealer: Sealer
    dispatcher: Dispatcher


async def take_requests(deps: SendDeps, envelopes: Sequence[Envelope]) -> None:
    """Write an attempt for each item, once; claim at once what may go."""
    requested = [(e, SendRequested.model_validate(e.data)) for e in envelopes]
    attempts = {e.id: _attempts(deps.sealer, e, request) for e, request in requested}
    with deps.dispatcher.claims.claiming(len(envelopes)) as claim:
        async with deps.database.transaction(ALL_TENANTS) as tx:
            fresh = await inbox.take(tx, envelopes)
            new = [a for e, _ in requested if e.id in fresh for a in attempts[e.id]]
            if not new:
                return
            freed = await _write(tx, new, claim)
        await failpoint("claim.after_commit")
    for how in freed:
        metrics.child(metrics.unknown_resolved, how).inc()


async def _write(tx: Tx, new: list[store.NewAttempt], claim: Claim) -> list[str]:
    """Write the attempts down and claim what goes; why texts that were in doubt are free again."""
    conversations = {a.conversation for a in new}
    await store.lock_conversations(tx, conversations)
    busy = await store.busy(tx, conversations)
    going = _first_of_each(new, busy)[: claim.room]
    await claim.insert(tx, new, going)
    # where what was to go had been written long ago, what came behind it goes instead
    busy |= {a.conversation for a in going} - {c.conversation for c in claim.attempts}
    if not busy:
        return []
    freed = await store.free_content(tx, [a for a in new if a.item == 0])
    await claim.take_next(tx, busy)
    return freed


def _first_of_each(
    new: Sequence[store.NewAttempt], busy: set[store.Conversation]
) -> list[store.NewAttempt]:
    """What goes at once: the first of each conversation in which nothing else is on its way."""
    first: dict[store.Conversation, store.NewAttempt] = {}
    for attempt in new:
        if attempt.conversation not in busy:
            first.setdefault(attempt.conversation, attempt)
    return list(first.values())


def _attempts(sealer: Sealer, envelope: Envelope, request: SendRequested) -> list[store.NewAttempt]:
    organization_id = envelope.organization_id
    return [
        store.NewAttempt(
            organization_id=organization_id,
            account_id=envelope.account_id,
            operation_id=request.operation_id,
            item=number,
            reservation_id=request.reservation_id,
            conversation_id=request.conversation_id,
            open_id=request.open_id,
            scene=request.scene,
            reply_to=request.reply_to,
            kind=item.kind,
            content=item.text,
            content_hash=_hash(item, sealer.open(organization_id, item.text)),
            window_opened_at=request.window_opened_at,
            expires_at=request.expires_at,
            cause=envelope.cause,
            trace=envelope.trace,
            supersedes=request.supersedes,
        )
        for number, item in enumerate(request.items)
    ]


def _hash(item: SendItem, wording: str) -> str:
    return sent_hash(item.kind, fields_of(item.kind, wording))


async def sweep(deps: SendDeps) -> float | None:
    """End leases of the dead and windows that closed, claim what waits; seconds until the next is due."""
    async with deps.database.transaction(ALL_TENANTS) as tx:
        expired = await store.expire_queued(tx)
        tell(tx, expired)
        freed = await store.free_old_content(tx, _IN_DOUBT_AT_MOST)
        dead = await store.conversations_of_the_dead(tx)
    count(expired)
    metrics.child(metrics.unknown_resolved, "window_ended").inc(freed)
    if dead:
        async with deps.database.transaction(ALL_TENANTS) as tx:
            await store.lock_conversations(tx, dead)
            lost = await store.lose_leases(tx, dead)
            lost += await store.drop_rest(tx, lost)
            tell(tx, lost)
        count(lost)
    await deps.dispatcher.pull()
    async with deps.database.transaction(ALL_TENANTS) as tx:
        return await store.seconds_to_next(tx)


async def answer_overdue(deps: SendDeps, envelopes: Sequence[Envelope]) -> None:
    """Say again how the operations of overdue holds ended; an unsettled one is not answered."""
    asked = [(e, ReservationOverdue.model_validate(e.data)) for e in envelopes]
    async with deps.database.transaction(ALL_TENANTS) as tx:
        fresh = await inbox.take(tx, envelopes)
        operations = [
            store.Operation(e.organization_id, e.account_id, overdue.operation_id)
            for e, overdue in asked
            if e.id in fresh
        ]
        if not operations:
            return
        known = await store.attempts_of(tx, list(dict.fromkeys(operations)))
        open_ones = {(m.organization_id, m.operation_id) for m in known if m.state not in SETTLED}
        tell(tx, [m for m in known if (m.organization_id, m.operation_id) not in open_ones])


async def measure(deps: SendDeps) -> None:
    """Show how many attempts are in doubt, and for how long."""
    async with deps.database.transaction(ALL_TENANTS) as tx:
        count, age = await store.in_doubt(tx)
    metrics.send_unknown.set(count)
    metrics.send_unknown_oldest.set(age)
