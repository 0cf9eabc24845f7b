"""Wait for the rest of what a fan says in pieces, where an account's policy wants that."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from services.direct_messages import store
from services.direct_messages.actions.answering import PolicyNotHeard, answer
from services.direct_messages.actions.deps import Deps
from services.direct_messages.actions.viewing import Heard
from services.direct_messages.store import Fan
from shared.contracts.envelope import Envelope
from shared.db import ALL_TENANTS
from shared.errors import NeighbourAway
from shared.inbox import MAX_ATTEMPTS, Quarantine
from shared.observability import metrics

log = structlog.get_logger()

_LANE: Final = "live"  # on which pieces come, also when somebody lets them be tried again
Piece = tuple[Fan, Envelope]
Read = Callable[[Envelope], Heard]


async def seconds_to_next_burst(deps: Deps) -> float | None:
    """How soon a burst is due; None when none is held."""
    async with deps.database.transaction(ALL_TENANTS) as tx:
        return await store.seconds_to_next(tx)


async def release_bursts(deps: Deps, read: Read) -> None:
    """Decide the bursts whose time is over. A piece is forgotten after it is decided, so none is lost.

    Where one of them fails, each fan's burst is taken alone: one that fails again comes later, and after
    five times it is put aside. Raises NeighbourAway.
    """
    while True:
        async with deps.database.transaction(ALL_TENANTS) as tx:
            due = await store.due_pieces(tx)
        if not due:
            return
        try:
            await _decide(deps, read, due)
        except NeighbourAway:
            raise
        except Exception as error:  # whatever it is, other fans must go on
            log.warning("bursts_failed", count=len(due), exc_info=error)
            by_fan: dict[Fan, list[Piece]] = defaultdict(list)
            for piece in due:
                by_fan[piece[0]].append(piece)
            for burst in by_fan.values():
                await _decide_alone(deps, read, burst)


async def _decide(deps: Deps, read: Read, due: Sequence[Piece]) -> None:
    waiting: frozenset[str] = frozenset()
    try:
        await answer(deps, [read(envelope) for _, envelope in due], are_whole=True)
    except PolicyNotHeard as put_off:
        waiting = put_off.ids
    keys = _keys(due)
    async with deps.database.transaction(ALL_TENANTS) as tx:
        await store.drop_pieces(tx, [key for key in keys if key[1] not in waiting])
        await store.put_off_pieces(tx, [key for key in keys if key[1] in waiting])


async def _decide_alone(deps: Deps, read: Read, burst: Sequence[Piece]) -> None:
    """Attempts are counted before they run, as on a lane: a burst that kills its process counts, too."""
    quarantine = Quarantine(deps.database)
    counts = [await quarantine.count(e.id, _LANE, e.dump()) for _, e in burst]
    attempts = max(count or MAX_ATTEMPTS for count in counts)  # None: put aside already
    reason = "process_died"
    if attempts <= MAX_ATTEMPTS:
        try:
            await _decide(deps, read, burst)
        except NeighbourAway:
            for _, envelope in burst:
                await quarantine.uncount(envelope.id)
            raise
        except Exception as error:  # counted, then put aside
            reason = type(error).__name__
            log.warning("burst_failed", attempt=attempts, exc_info=error)
        else:
            for _, envelope in burst:
                await quarantine.forget(envelope.id)
            return
    if attempts < MAX_ATTEMPTS:
        async with deps.database.transaction(ALL_TENANTS) as tx:
            await store.put_off_pieces(tx, _keys(burst))
        return
    await _give_up(deps, quarantine, burst, reason)


async def _give_up(deps: Deps, quarantine: Quarantine, burst: Sequence[Piece], reason: str) -> None:
    for _, envelope in burst:
        await quarantine.give_up(envelope.id, _LANE, envelope.dump(), reason)
        metrics.child(metrics.quarantined, "direct_messages", _LANE).inc()
        log.error("envelope_quarantined", envelope=envelope.id, reason=reason, cause=envelope.cause)
    async with deps.database.transaction(ALL_TENANTS) as tx:
        await store.drop_pieces(tx, _keys(burst))


def _keys(due: Sequence[Piece]) -> list[tuple[Fan, str]]:
    return [(fan, envelope.id) for fan, envelope in due]
