"""Echoes settle what is in doubt: the platform shows each message that our app sent."""

from collections.abc import Iterable, Sequence

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
        left = await _unbound(tx, echoes)  # mostly none: the platform's answers name the same ids
        if not left:
            return
        await store.lock_conversations(tx, {e.conversation for e in left})
        resolved, unbound = await _bind(tx, left)
        moved = [r.moved for r in resolved]
        tell(tx, moved)
    if moved:  # what waited behind them may go
        await deps.dispatcher.pull()
    count(moved)
    _measure(resolved, unbound)


async def _bind(tx: Tx, echoes: list[store.Echo]) -> tuple[list[store.Resolved], list[store.Echo]]:
    left = await _unbound(tx, echoes)  # once more: an answer may have been settled meanwhile
    resolved, left = await _bind_by_content(tx, left)
    if left and await store.doubt_equal_ids(tx, left):
        more, left = await _bind_by_content(tx, left)
        resolved += more
    return resolved, left


async def _bind_by_content(
    tx: Tx, echoes: list[store.Echo]
) -> tuple[list[store.Resolved], list[store.Echo]]:
    """What was sent comes first: of two with the same content, the older one was said first."""
    bound = await store.bind_sent(tx, echoes) if echoes else set()
    left = [e for e in echoes if e.key not in bound]
    resolved = await store.resolve(tx, left) if left else []
    found = {(r.moved.organization_id, r.moved.account_id, r.moved.msg_id) for r in resolved}
    return resolved, [e for e in left if e.key not in found]


async def _unbound(tx: Tx, echoes: list[store.Echo]) -> list[store.Echo]:
    if not echoes:
        return []
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
