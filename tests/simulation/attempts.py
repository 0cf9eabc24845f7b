"""The table of attempts as plain values: what the statements of the connector's store do, in Python.

Every transition works on a copy of the table that its transaction keeps or forgets. The differential
test drives the same histories through PostgreSQL and holds this model to what the statements do.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from services.douyin.actions.claiming import LEASE
from services.douyin.domain.attempts import State, sources
from services.douyin.store import Claimed, Moved, NewAttempt, Settlement

Key = tuple[str, int]  # operation, item
_IN_DOUBT = (State.SENDING, State.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One row. `claim` tells one claim from another."""

    new: NewAttempt
    position: int
    next_try_at: datetime
    state: State = State.QUEUED
    tries: int = 0
    lease_until: datetime | None = None
    written_at: datetime | None = None
    claim: int | None = None
    msg_id: str | None = None
    echo_id: str | None = None
    echo_at: datetime | None = None
    reason: str | None = None
    closes_window: str | None = None
    seq: int = 0
    freed: bool = False

    @property
    def key(self) -> Key:
        return self.new.operation_id, self.new.item

    @property
    def blocks_its_text(self) -> bool:
        """Whether the same words may not go again."""
        return self.state in _IN_DOUBT and not self.freed

    @property
    def is_guessed(self) -> bool:
        """Whether it has the echo of another id than it was answered with."""
        return None not in (self.msg_id, self.echo_id) and self.msg_id != self.echo_id


@dataclass
class Table:
    """All attempts, and whether echoes were seen to carry the ids of answers."""

    rows: dict[Key, Attempt] = field(default_factory=dict)
    echoes_by_id: bool = False
    position: int = 0
    shown: set[str] = field(default_factory=set)  # ids of the echoes that the door stored

    def copy(self) -> "Table":
        return Table(dict(self.rows), self.echoes_by_id, self.position, set(self.shown))

    def of(self, conversation: str) -> list[Attempt]:
        """In the order of their writing."""
        return [a for a in self.rows.values() if a.new.conversation_id == conversation]

    def put(self, attempt: Attempt) -> Attempt:
        self.rows[attempt.key] = attempt
        return attempt


def busy(table: Table, conversations: Collection[str]) -> set[str]:
    """Where something waits, is being sent, or is in doubt."""
    return {
        a.new.conversation_id
        for a in table.rows.values()
        if a.new.conversation_id in conversations and (a.state is State.QUEUED or a.blocks_its_text)
    }


def insert(
    table: Table,
    attempts: Sequence[NewAttempt],
    going: Collection[NewAttempt],
    now: datetime,
    claim: int,
) -> list[Claimed]:
    """Write intents down once; those going are being sent."""
    claimed = []
    for new in attempts:
        if (new.operation_id, new.item) in table.rows:
            continue
        table.position += 1
        attempt = table.put(Attempt(new, table.position, now))
        if new in going:
            claimed.append(_claim(table, attempt, now, claim))
    return claimed


def _claim(table: Table, attempt: Attempt, now: datetime, claim: int) -> Claimed:
    claimed = table.put(
        replace(
            attempt,
            state=State.SENDING,
            tries=attempt.tries + 1,
            lease_until=now + LEASE,
            written_at=now,
            claim=claim,
        )
    )
    return claim_of(claimed)


def claim_of(attempt: Attempt) -> Claimed:
    """What a process holds in its hands of an attempt that it claimed."""
    new = attempt.new
    assert attempt.claim is not None
    return Claimed(
        organization_id=new.organization_id,
        account_id=new.account_id,
        operation_id=new.operation_id,
        item=new.item,
        tries=attempt.tries,
        conversation_id=new.conversation_id,
        open_id=new.open_id,
        scene=new.scene,
        reply_to=new.reply_to,
        kind=new.kind,
        content=new.content,
        expires_at=new.expires_at,
        reason=attempt.reason,
        cause=new.cause,
        trace=new.trace,
        claim=attempt.claim,
    )


def free_content(table: Table, firsts: Sequence[NewAttempt]) -> int:
    """Let texts in doubt go again where a newer window opened, or a person said so."""
    freed = 0
    for new in firsts:
        for a in table.of(new.conversation_id):
            is_older = a.new.window_opened_at < new.window_opened_at
            named = a.new.operation_id == new.supersedes
            if a.state is State.UNKNOWN and not a.freed and (is_older or named):
                table.put(replace(a, freed=True))
                freed += 1
    return freed


def claim_next(
    table: Table, conversations: Iterable[str], now: datetime, claim: int, most: int
) -> list[Claimed]:
    """The next item of each conversation in which nothing is being sent."""
    claimed: list[Claimed] = []
    for conversation in dict.fromkeys(conversations):
        if len(claimed) >= most:
            break
        rows = table.of(conversation)
        if any(a.state is State.SENDING for a in rows):
            continue
        following = next((a for a in rows if _may_go(table, rows, a)), None)
        if following and following.next_try_at <= now:
            claimed.append(_claim(table, following, now, claim))
    return claimed


def find_claimed(table: Table, now: datetime, claim: int) -> list[Claimed]:
    """What was claimed under a number and is not settled; its lease begins again."""
    found = [a for a in table.rows.values() if a.state is State.SENDING and a.claim == claim]
    return [claim_of(table.put(replace(a, lease_until=now + LEASE))) for a in found]


def _may_go(table: Table, rows: list[Attempt], attempt: Attempt) -> bool:
    if attempt.state is not State.QUEUED:
        return False
    operation, item = attempt.key
    if item and table.rows[operation, item - 1].state is not State.SENT:
        return False
    return not any(
        a.state is State.UNKNOWN and not a.freed and a.new.content_hash == attempt.new.content_hash
        for a in rows
    )


def settle(table: Table, settlements: Sequence[Settlement], now: datetime) -> list[Attempt]:
    """Move what the claim still holds; what an echo or the sweep settled before is left alone."""
    moved = []
    for s in settlements:
        a = table.rows[s.claimed.operation_id, s.claimed.item]
        if (
            a.claim != s.claimed.claim
            or a.state is State.QUEUED
            or a.state.value not in sources(s.state)
        ):
            continue
        moved.append(
            table.put(
                replace(
                    a,
                    state=s.state,
                    lease_until=None,
                    next_try_at=now + timedelta(seconds=s.pause),
                    tries=a.tries - s.untried,
                    msg_id=s.msg_id or a.msg_id,
                    reason=s.reason,
                    closes_window=s.closes_window,
                    seq=a.seq + (s.state is not State.QUEUED),
                )
            )
        )
    return moved


def drop_rest(table: Table, moved: Sequence[Attempt]) -> list[Attempt]:
    """Fail what stands behind an item that was not sent."""
    stopped = {m.new.operation_id for m in moved if m.state in {State.FAILED, State.UNKNOWN}}
    return [
        table.put(replace(a, state=State.FAILED, reason="not_attempted", seq=a.seq + 1))
        for a in list(table.rows.values())
        if a.new.operation_id in stopped and a.state is State.QUEUED
    ]


def lose_leases(table: Table, now: datetime) -> list[Attempt]:
    """What was being sent when its lease ran out may have been sent."""
    return [
        table.put(
            replace(a, state=State.UNKNOWN, lease_until=None, reason="lease_expired", seq=a.seq + 1)
        )
        for a in list(table.rows.values())
        if a.state is State.SENDING and a.lease_until is not None and a.lease_until < now
    ]


def expire_queued(table: Table, now: datetime) -> list[Attempt]:
    """Fail what waited until its window closed."""
    return [
        table.put(replace(a, state=State.FAILED, reason="window_expired", seq=a.seq + 1))
        for a in list(table.rows.values())
        if a.state is State.QUEUED and a.new.expires_at <= now
    ]


def free_old_content(table: Table, now: datetime, kept: timedelta) -> int:
    """Texts in doubt may go again when their window is over, at the latest after `kept`."""
    old = [
        a
        for a in table.rows.values()
        if a.state is State.UNKNOWN
        and not a.freed
        and (a.new.expires_at <= now or (a.written_at is not None and a.written_at <= now - kept))
    ]
    for a in old:
        table.put(replace(a, freed=True))
    return len(old)


def moved_row(a: Attempt) -> Moved:
    """The attempt as the store returns it after a move."""
    n = a.new
    return Moved(
        n.organization_id,
        n.account_id,
        n.operation_id,
        n.item,
        n.reservation_id,
        n.cause,
        n.trace,
        a.state.value,
        a.msg_id,
        None,
        None,
        a.reason,
        a.closes_window,
        a.seq,
    )
