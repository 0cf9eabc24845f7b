"""Wait for the rest of what a fan says in pieces, where an account's policy wants that."""

from collections.abc import Callable, Iterable

from services.direct_messages import store
from services.direct_messages.actions.answering import PolicyNotHeard, answer
from services.direct_messages.actions.deps import Deps
from services.direct_messages.actions.viewing import Heard
from shared.contracts.envelope import Envelope
from shared.db import ALL_TENANTS


async def seconds_to_next_burst(deps: Deps) -> float | None:
    """How soon a burst is due; None when none is held."""
    async with deps.database.transaction(ALL_TENANTS) as tx:
        return await store.seconds_to_next(tx)


async def release_bursts(deps: Deps, read: Callable[[Envelope], Heard]) -> None:
    """Decide the bursts whose time is over. A piece is forgotten after it is decided, so none is lost."""
    while True:
        async with deps.database.transaction(ALL_TENANTS) as tx:
            due = [read(envelope) for envelope in await store.due_pieces(tx)]
        if not due:
            return
        waiting: frozenset[str] = frozenset()
        try:
            await answer(deps, due, are_whole=True)
        except PolicyNotHeard as put_off:
            waiting = put_off.ids
        async with deps.database.transaction(ALL_TENANTS) as tx:
            await store.drop_pieces(tx, [key for key in _keys(due) if key[1] not in waiting])
            await store.put_off_pieces(tx, [key for key in _keys(due) if key[1] in waiting])


def _keys(due: Iterable[Heard]) -> Iterable[tuple[store.Fan, str]]:
    for heard in due:
        yield heard.fan, heard.envelope.id
