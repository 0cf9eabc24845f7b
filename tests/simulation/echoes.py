"""Echoes meet attempts, as plain values: what the connector does with them, in Python."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from services.douyin.domain.attempts import State
from services.douyin.store import Echo
from tests.simulation.attempts import Attempt, Table

_SLACK = timedelta(seconds=5)
_IN_DOUBT = (State.SENDING, State.UNKNOWN)


def bind(table: Table, echoes: Sequence[Echo]) -> tuple[list[Attempt], list[Echo]]:
    """What the connector does with echoes: what it settles by them, and which bind nothing."""
    left = unbound(table, echoes)
    left = unbound(table, [*left, *give_back(table, left)])
    left.sort(key=lambda e: (e.created_at, e.message_id))
    moved, over = [], []
    while left:
        first: dict[tuple[str, str], Echo] = {}
        for e in left:
            first.setdefault((e.conversation_id, e.content_hash), e)
        some = list(first.values())
        left = [e for e in left if e not in some]
        more, rest = _bind_by_content(table, some)
        moved += more
        if doubt_equal_ids(table, rest):
            more, rest = _bind_by_content(table, rest)
            moved += more
        over += rest
    return moved, over


def _bind_by_content(table: Table, echoes: Sequence[Echo]) -> tuple[list[Attempt], list[Echo]]:
    bound = bind_sent(table, echoes)
    left = [e for e in echoes if e.message_id not in bound]
    moved = resolve(table, left)
    settled = {a.msg_id for a in moved}
    return moved, [e for e in left if e.message_id not in settled]


def unbound(table: Table, echoes: Sequence[Echo]) -> list[Echo]:
    """Those that no attempt has, by their ids."""
    bound = already_bound(table, echoes)
    return [e for e in echoes if e.message_id not in bound]


def already_bound(table: Table, echoes: Sequence[Echo]) -> set[str]:
    """Ids that an attempt was answered with, or has as its echo."""
    ids = {e.message_id for e in echoes}
    answered = [a for a in table.rows.values() if a.msg_id in ids and not a.is_guessed]
    table.echoes_by_id |= any(a.echo_id is None for a in answered)
    return {str(a.msg_id) for a in answered} | {
        a.echo_id for a in table.rows.values() if a.echo_id and a.echo_id in ids
    }


def only_repeated(table: Table, echo_id: str) -> bool:
    """Whether an echo says what an answer said, where no other attempt can be concerned."""
    found = [a for a in table.rows.values() if a.msg_id == echo_id and not a.is_guessed]
    return bool(found) and not any(
        a.state in _IN_DOUBT and a.new.content_hash == found[0].new.content_hash
        for a in table.of(found[0].new.conversation_id)
    )


def give_back(table: Table, echoes: Sequence[Echo]) -> list[Echo]:
    """Others that were taken for these by their content, and are of something else."""
    ids = {e.message_id for e in echoes}
    given_back = []
    for a in list(table.rows.values()):
        if a.msg_id in ids and a.is_guessed:
            assert a.echo_id is not None
            assert a.echo_at is not None
            place = a.new.organization_id, a.new.account_id, a.echo_id
            words = a.new.conversation_id, a.new.content_hash
            given_back.append(Echo(*place, *words, a.echo_at, a.echo_at))
            table.put(replace(a, echo_id=None, echo_at=None))
    return given_back


def _is_unechoed(table: Table, attempt: Attempt) -> bool:
    """Sent, and nothing that the platform showed is known to be it."""
    is_sent = attempt.state is State.SENT and attempt.echo_id is None
    return is_sent and attempt.msg_id not in table.shown


def doubt_equal_ids(table: Table, unbound: Sequence[Echo]) -> bool:
    """Whether an echo is of a message that was answered with another id, though ids were equal before."""
    words = {(e.conversation_id, e.content_hash) for e in unbound}
    differ = table.echoes_by_id and any(
        (a.new.conversation_id, a.new.content_hash) in words and _is_unechoed(table, a)
        for a in table.rows.values()
    )
    table.echoes_by_id &= not differ
    return differ


def bind_sent(table: Table, echoes: Sequence[Echo]) -> set[str]:
    """Bind each to the oldest sent attempt of its content. One echo of a content at a time."""
    bound = set()
    for echo in echoes:
        # where ids were seen to be equal, a sent attempt with another id is another message
        sent = [
            a
            for a in _same(table, echo)
            if _is_unechoed(table, a) and (a.msg_id is None or not table.echoes_by_id)
        ]
        if sent:
            table.put(replace(sent[0], echo_id=echo.message_id, echo_at=echo.arrived_at))
            bound.add(echo.message_id)
    return bound


def resolve(table: Table, echoes: Sequence[Echo]) -> list[Attempt]:
    """Settle the oldest in doubt as sent, unless the echo may be of one that was sent."""
    moved = []
    for echo in echoes:
        same = _same(table, echo)
        doubts = [
            a
            for a in same
            if a.state in {State.SENDING, State.UNKNOWN, State.PRESUMED_NOT_SENT}
            and a.written_at is not None
            and echo.arrived_at >= a.written_at - _SLACK
        ]
        if not doubts or any(_is_unechoed(table, a) for a in same):
            continue
        a = doubts[0]
        moved.append(
            table.put(
                replace(
                    a,
                    state=State.SENT,
                    echo_id=echo.message_id,
                    msg_id=echo.message_id,
                    lease_until=None,
                    reason=None if a.state is State.SENDING else "echo",
                    seq=a.seq + 1,
                )
            )
        )
    return moved


def _same(table: Table, echo: Echo) -> list[Attempt]:
    """What has no echo and may be what an echo shows, the likeliest first."""
    same = [
        a
        for a in table.of(echo.conversation_id)
        if a.new.content_hash == echo.content_hash and a.echo_id is None
    ]
    return sorted(same, key=lambda a: (a.freed, a.position))
