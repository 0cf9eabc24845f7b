"""Writes down how tries ended, tells it, and lets the next item of each conversation go."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import structlog

from services.douyin import store
from services.douyin.actions.claiming import Claim
from services.douyin.domain.attempts import State
from shared.contracts.envelope import Envelope, Origin
from shared.contracts.events.douyin import AttemptsSettled, Outcome, SettledAttempt
from shared.db import ALL_TENANTS, Database, Tx
from shared.failpoints import failpoint
from shared.observability import metrics

log = structlog.get_logger()

_TOLD_TOGETHER = 32  # what one envelope breaks over, all in it wait for
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
    """Publish what was settled, by account; an attempt that only went back to the queue is no news."""
    by_account: dict[tuple[str, str], list[store.Moved]] = defaultdict(list)
    for attempt in moved:
        if State(attempt.state) in _OUTCOMES:
            by_account[attempt.organization_id, attempt.account_id].append(attempt)
    for account, settled in by_account.items():
        for start in range(0, len(settled), _TOLD_TOGETHER):
            _tell(tx, account, settled[start : start + _TOLD_TOGETHER])


def _tell(tx: Tx, account: tuple[str, str], settled: Sequence[store.Moved]) -> None:
    event = AttemptsSettled(attempts=tuple(_settled(attempt) for attempt in settled))
    origin = Origin(*account, settled[0].cause, settled[0].trace)
    tx.publish(Envelope.of(event, origin, subject=account[1], seq=settled[0].seq, at=tx.now))


def _settled(attempt: store.Moved) -> SettledAttempt:
    return SettledAttempt(
        operation_id=attempt.operation_id,
        reservation_id=attempt.reservation_id,
        item=attempt.item,
        outcome=_OUTCOMES[State(attempt.state)],
        platform_message_id=attempt.msg_id,
        code=attempt.code,
        log_id=attempt.log_id,
        reason=attempt.reason,
        closes_window=attempt.closes_window,  # type: ignore[arg-type]  # ours alone
        cause=attempt.cause,
    )


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
