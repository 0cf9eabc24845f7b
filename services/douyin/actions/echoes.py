"""Echoes settle what is in doubt: the platform shows each message that our app sent."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest

import structlog

from services.douyin import store
from services.douyin.actions.sending import SendDeps
from services.douyin.actions.settling import count, tell
from services.douyin.domain.attempts import State
from shared import inbox
from shared.contracts.envelope import Envelope
from shared.contracts.events.douyin import MessageEchoed
from shared.db import ALL_TENANTS, Tx
from shared.observability import metrics

log = structlog.get_logger()


async def bind_echoes(deps: SendDeps, envelopes: Sequence[Envelope]) -> None:
    """Bind each echo to one attempt: by id, else to one that was sent, else to one in doubt."""
    heard = {e.id: _echo(e) for e in envelopes}
    async with deps.database.transaction(ALL_TENANTS) as tx:
        fresh = await inbox.take(tx, envelopes)
        echoes = _once(echo for id_, echo in heard.items() if id_ in fresh)
        if not echoes:
            return
        await store.lock_conversations(tx, {e.conversation for e in echoes})
        left = await _unbound(tx, echoes)  # mostly none: the platform's answers name the same ids
        if not left:
            return
        resolved, unbound = await bind(tx, left)
        moved = [r.moved for r in resolved]
        tell(tx, moved)
    if moved:  # what waited behind them may go
        await deps.dispatcher.pull()
    count(moved)
    _measure(resolved, unbound)


async def bind(
    tx: Tx, echoes: Sequence[store.Echo]
) -> tuple[list[store.Resolved], list[store.Echo]]:
    """Bind what no attempt has by its id: what was settled by it, and what binds nothing.

    The same whatever the order in which echoes come. Their conversations are locked.
    """
    given_back = await store.give_back(tx, [e.key for e in echoes])
    left = await _unbound(tx, [*echoes, *given_back]) if given_back else echoes
    resolved, unbound = [], []
    for some in _one_of_a_content(left):
        more, rest = await _bind_by_content(tx, some)
        resolved += more
        if rest and await store.doubt_equal_ids(tx, rest):
            more, rest = await _bind_by_content(tx, rest)
            resolved += more
        unbound += rest
    return resolved, unbound


def _one_of_a_content(echoes: Iterable[store.Echo]) -> Iterator[list[store.Echo]]:
    """In rounds, the oldest first: of two that say the same, the second finds what the first left."""
    same: dict[tuple[store.Conversation, str], list[store.Echo]] = defaultdict(list)
    for echo in sorted(echoes, key=lambda e: (e.created_at, e.message_id)):
        same[echo.conversation, echo.content_hash].append(echo)
    for some in zip_longest(*same.values()):
        yield [echo for echo in some if echo is not None]


async def _bind_by_content(
    tx: Tx, echoes: Sequence[store.Echo]
) -> tuple[list[store.Resolved], list[store.Echo]]:
    """What was sent comes first: of two with the same content, the older one was said first."""
    bound = await store.bind_sent(tx, echoes)
    left = [e for e in echoes if e.key not in bound]
    resolved = await store.resolve(tx, left) if left else []
    found = {(r.moved.organization_id, r.moved.account_id, r.moved.msg_id) for r in resolved}
    return resolved, [e for e in left if e.key not in found]


async def _unbound(tx: Tx, echoes: Sequence[store.Echo]) -> list[store.Echo]:
    bound = await store.already_bound(tx, [e.key for e in echoes])
    return [e for e in echoes if e.key not in bound]


def _measure(resolved: Sequence[store.Resolved], unbound: Sequence[store.Echo]) -> None:
    for one in resolved:
        if one.state_before != State.SENDING:
            metrics.child(metrics.unknown_resolved, "echo").inc()
    if unbound:
        metrics.late_echo.inc(len(unbound))
        log.info("echoes_unbound", count=len(unbound), first=unbound[0].message_id)


def _echo(envelope: Envelope) -> store.Echo:
    event = MessageEchoed.model_validate(envelope.data)
    return store.Echo(
        envelope.organization_id,
        envelope.account_id,
        event.message_id,
        event.conversation_id,
        event.content_hash,
        event.created_at,
        envelope.occurred_at,
    )


def _once(echoes: Iterable[store.Echo]) -> list[store.Echo]:
    return list({e.key: e for e in echoes}.values())
