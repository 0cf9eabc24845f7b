"""Writes down how tries ended, tells it, and lets the next item of each conversation go."""

from collections.abc import Iterable, Sequence

import structlog

from services.douyin import store
from services.douyin.actions.claiming import Claim
from services.douyin.domain.attempts import State
from shared.contracts.envelope import Envelope, Origin
from shared.contracts.events.douyin import AttemptSettled, Outcome
from shared.db import ALL_TENANTS, Database, Tx
from shared.failpoints import failpoint
from shared.observability import metrics

log = structlog.get_logger()

_OUTCOMES = {
    State.SENT: Outcome.SENT,
    State.FAILED: Outcome.FAILED,
    State.UNKNOWN: Outcome.UNKNOWN,
    State.PRESUMED_NOT_SENT: Outcome.UNKNOWN,  # the hold stays: a late echo may still come
}


async def settle(database: Database, settlements: Sequence[store.Settlement], claim: Claim) -> None:
    """Settle a batch in one transaction, and claim what may go next in the same conversations."""
    conversations = {s.claimed.conversation for s in settlements}
    async with database.transaction(ALL_TENANTS) as tx:
        await store.lock_conversations(tx, conversations)
        moved = await store.settle(tx, settlements)
        moved += await store.drop_rest(tx, moved)
        tell(tx, moved)
        await claim.take_next(tx, conversations)
        await failpoint("settle.before_commit")
    await failpoint("settle.after_commit")
    if claim.attempts:
        await failpoint("claim.after_commit")
    count(moved)


def tell(tx: Tx, moved: Iterable[store.Moved]) -> None:
    """Publish what was settled; an attempt that only went back to the queue is no news."""
    for attempt in moved:
        outcome = _OUTCOMES.get(State(attempt.state))
        if outcome is None:
            continue
        event = AttemptSettled(
            operation_id=attempt.operation_id,
            reservation_id=attempt.reservation_id,
            item=attempt.item,
            outcome=outcome,
            platform_message_id=attempt.msg_id,
            code=attempt.code,
            log_id=attempt.log_id,
            reason=attempt.reason,
            closes_window=attempt.closes_window,  # type: ignore[arg-type]  # ours alone
        )
        origin = Origin(attempt.organization_id, attempt.account_id, attempt.cause, attempt.trace)
        tx.publish(Envelope.of(event, origin, subject=attempt.open_id, seq=attempt.seq, at=tx.now))


def count(moved: Iterable[store.Moved]) -> None:
    """Count and log outcomes, after the commit."""
    for attempt in moved:
        if attempt.state == State.QUEUED:
            continue
        metrics.child(metrics.sends, attempt.state).inc()
        log.info(
            "attempt_settled",
            cause=attempt.cause,
            operation=attempt.operation_id,
            item=attempt.item,
            state=attempt.state,
            reason=attempt.reason,
            platform_message=attempt.msg_id,
            log_id=attempt.log_id,
        )
