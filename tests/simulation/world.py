"""What is stored, what is carried, and the promises that are checked after every commit."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, NamedTuple

from services.direct_messages.domain.messages import RANK
from services.direct_messages.domain.messages import State as MessageState
from services.douyin.domain.attempts import State, may_move
from services.douyin.store import Settlement
from services.quota.domain import Entry, Line
from tests.simulation.attempts import Attempt, Key, Table
from tests.simulation.ledger import Ledger, recounted
from tests.simulation.platform import CAP, Accepted, Faults, Platform

START = datetime(2024, 2, 10, 4, tzinfo=UTC)
RESEND = timedelta(seconds=15)


class Violation(AssertionError):
    """A promise was broken."""


class Away(Exception):
    """A neighbour cannot be asked, or what was asked may have been done."""


class Envelope(NamedTuple):
    """An event between services."""

    id: str
    kind: str
    data: Any


HEARERS = {
    "message": ("dm",),
    "echo": ("douyin",),
    "requested": ("douyin",),
    "settled": ("quota", "dm"),
    "overdue": ("dm", "douyin"),
    "not_requested": ("quota",),
}


@dataclass
class Row:
    """An outbox row for one hearer."""

    envelope: Envelope
    number: int
    send_after: datetime


@dataclass
class Process:
    """What is lost when it dies."""

    name: int
    born: int = 0
    results: list[Settlement] = field(default_factory=list)
    settles: bool = False
    lost: list[int] = field(default_factory=list)  # claims whose commit nobody heard of
    hands: dict[str, list[Envelope]] = field(default_factory=dict)  # hearer → batch


@dataclass
class Messages:
    """What direct_messages keeps."""

    versions: Counter[str] = field(default_factory=Counter)
    handled: Counter[str] = field(default_factory=Counter)  # platform message → times decided
    operations: dict[str, tuple[str, str]] = field(default_factory=dict)  # id → state, reservation
    items: dict[Key, MessageState] = field(default_factory=dict)
    newest: dict[str, Any] = field(default_factory=dict)  # fan → newest message
    superseded: set[str] = field(default_factory=set)


class Tx:
    """One transaction: what it changes is seen when it commits."""

    def __init__(self, world: "World", number: int | None = None) -> None:
        world.now += timedelta(microseconds=1)  # no two transactions begin at the same time
        self.table, self.ledger = world.table.copy(), world.ledger.copy()
        self.published: list[Envelope] = []
        self.marks: list[tuple[str, str]] = []
        self.number = number

    def publish(self, envelope: Envelope) -> None:
        self.published.append(envelope)


class World:
    """One brand's house, its platform and its carrier."""

    def __init__(self, random: Random, faults: Faults, bugs: frozenset[str]) -> None:
        self.random, self.faults, self.bugs = random, faults, bugs
        self.now = START
        self.trace: list[str] = []
        self.table, self.ledger, self.dm = Table(), Ledger(), Messages()
        self.platform = Platform(random, faults)
        self.inbound: set[str] = set()
        self.acknowledged: set[str] = set()
        self.inbox: dict[str, set[str]] = {"dm": set(), "douyin": set(), "quota": set()}
        self.outbox: dict[tuple[str, str], Row] = {}
        self.streams: dict[str, list[Envelope]] = {"dm": [], "douyin": [], "quota": []}
        self.processes = [Process(0), Process(1)]
        self.webhooks: list[tuple[datetime, Envelope]] = []
        self.relayed: Counter[str] = Counter()
        self.taken_up: set[tuple[int, str, int]] = set()  # claims that somebody sends
        self._is_steady = not (faults.kills or faults.leaps)
        self._numbers = 0

    def say(self, text: str) -> None:
        """Write a line of the trace."""
        at = (self.now - START).total_seconds()
        self.trace.append(f"{at:10.2f}  {text}")

    def broken(self, promise: str, what: str) -> Violation:
        """What to raise when a promise does not hold."""
        self.say(f"VIOLATION {promise}: {what}")
        return Violation(f"{promise}: {what}")

    def number(self) -> int:
        """The next number of a sequence that all transactions draw from."""
        self._numbers += 1
        return self._numbers

    # ------------------------------------------------------------------------------ commits

    def commit(self, tx: Tx) -> None:
        """Make it so. Raises Away when the word of it was lost, though it was done."""
        for key, attempt in tx.table.rows.items():
            was = self.table.rows.get(key)
            if was is not attempt:
                self._check_attempt(was, attempt)
                self._check_echo(attempt, tx.table)
        self._check_counters(tx.ledger)
        self.table, self.ledger = tx.table, tx.ledger
        for hearer, id_ in tx.marks:
            self.inbox[hearer].add(id_)
        for envelope in tx.published:
            number = tx.number or self.number()
            for hearer in HEARERS[envelope.kind]:
                self.outbox[envelope.id, hearer] = Row(envelope, number, self.now)
        if self.random.random() < self.faults.cut_commits:
            self.say("committed, but the answer was lost")
            raise Away

    def _check_counters(self, after: Ledger) -> None:
        for key, bucket in after.buckets.items():
            if self.ledger.buckets.get(key) is bucket:
                continue
            used, held = bucket.used, bucket.held
            if bucket.cap is not None and used + held > bucket.cap:
                raise self.broken("I3", f"{used} used + {held} held > {bucket.cap}")
            if recounted(after, key) != (used, held):
                raise self.broken("I4", f"the counter of {bucket.window_id} drifts")

    def _check_attempt(self, was: Attempt | None, now: Attempt) -> None:
        if was is None:
            return
        name = f"{now.new.operation_id}/{now.new.item}"
        if was.state is not now.state:
            self.say(f"{name}: {was.state} → {now.state} ({now.reason})")
            if not may_move(was.state, now.state):
                raise self.broken("I10", f"{name} went from {was.state} to {now.state}")
        if now.seq < was.seq:
            raise self.broken("I10", f"{name} went back to settlement {now.seq}")
        if now.state is State.FAILED and now.key in self.platform.accepted:
            raise self.broken("I2", f"{name} is called failed, but the fan saw it")

    def _check_echo(self, now: Attempt, after: Table) -> None:
        holders = [a.key for a in after.rows.values() if a.echo_id == now.echo_id]
        if now.echo_id is not None and holders != [now.key]:
            raise self.broken("I2", f"echo {now.echo_id} is bound twice")

    def check_tried(self, lost: Attempt) -> None:
        """Where nobody dies and no hour passes, only what somebody had in hand can end in doubt."""
        if self._is_steady and (lost.claim, *lost.key) not in self.taken_up:
            raise self.broken("P5", f"{lost.key} is in doubt, and nobody ever sent it")

    # ---------------------------------------------------------------------------- the truth

    def accepted(self, one: Accepted) -> None:
        """The fan saw a message: hold it to every promise."""
        claimed = one.claimed
        key, name = (claimed.operation_id, claimed.item), f"{claimed.operation_id}/{claimed.item}"
        self.say(f"{name}: accepted as {one.message_id}")
        if len(self.platform.accepted[key]) > 1:
            raise self.broken("I2", f"{name} was accepted twice")
        attempt = self.table.rows[key]
        if attempt.state is State.FAILED:
            raise self.broken("I2", f"{name} is called failed, but the fan saw it")
        if attempt.state is State.UNKNOWN:
            raise self.broken("I2", f"{name} left when its lease was over")
        if key[1] and (key[0], key[1] - 1) not in self.platform.accepted:
            raise self.broken("I10", f"{name} went before the item in front of it")
        self._check_order(attempt)
        self._check_hold(attempt)

    def _check_order(self, attempt: Attempt) -> None:
        if self.faults.repeats:  # a text in doubt waits, and others pass it
            return
        for key in self.platform.accepted:
            other = self.table.rows[key]
            is_here = other.new.conversation_id == attempt.new.conversation_id
            if is_here and other.position > attempt.position:
                raise self.broken("I10", f"{attempt.key} left after {other.key}")

    def _check_hold(self, attempt: Attempt) -> None:
        line = self.line(attempt)
        if line is None:
            raise self.broken("I3", f"{attempt.key} left without a hold")
        bucket = self.ledger.buckets[line.key]
        if bucket.window_id == line.window_id and line.settled is Entry.RELEASED:
            raise self.broken("I3", f"{attempt.key} left although its hold was given back")
        windows = Counter(
            found.window_id
            for key, times in self.platform.accepted.items()
            for found in [self.line(self.table.rows[key])] * len(times)
            if found is not None
        )
        if windows[line.window_id] > CAP:
            raise self.broken("I3", f"{windows[line.window_id]} accepted in {line.window_id}")
        reply_to = attempt.new.reply_to
        if line.window_id != reply_to:
            raise self.broken("I3", f"{attempt.key} answers {reply_to}, held in {line.window_id}")
        if self.platform.count[reply_to] > CAP:
            raise self.broken("I3", f"the platform counts more than {CAP} for {reply_to}")

    def line(self, attempt: Attempt) -> Line | None:
        """The ledger's line of an attempt."""
        lines = self.ledger.lines.get(attempt.new.reservation_id, ())
        return next((x for x in lines if x.item == attempt.new.item), None)

    # ------------------------------------------------------------------------------ carrier

    def relay(self, rows: Iterable[tuple[tuple[str, str], Row]]) -> None:
        """Hand rows to the streams; the carrier doubles and loses some."""
        for (_, hearer), row in rows:
            row.send_after = self.now + RESEND
            times = 1
            if self.random.random() < self.faults.carrier:
                times = self.random.choice((0, 2))
            self.streams[hearer] += [row.envelope] * times

    def due(self) -> list[tuple[tuple[str, str], Row]]:
        """What the relay would send now, the oldest first."""
        if "relay by highest id" in self.bugs:
            rows = [x for x in self.outbox.items() if x[1].number > self.relayed[x[0][1]]]
            for (_, hearer), row in rows:
                self.relayed[hearer] = max(self.relayed[hearer], row.number)
            return rows
        return [x for x in self.outbox.items() if x[1].send_after <= self.now]

    def acknowledge(self, hearer: str, envelopes: Iterable[Envelope]) -> None:
        """The sender forgets what was heard, unless the acknowledgement is lost."""
        for envelope in envelopes:
            if self.random.random() < self.faults.carrier:
                continue
            row = self.outbox.pop((envelope.id, hearer), None)
            if row is not None and envelope.id not in self.inbox[hearer]:
                raise self.broken(
                    "I1", f"{envelope.id} is forgotten, and {hearer} has not heard it"
                )

    # ------------------------------------------------------------------------------- people

    def settle_message(self, key: Key, state: MessageState) -> None:
        """What direct_messages does with a settlement: the higher rank is believed."""
        if key in self.dm.items and RANK[state] > RANK[self.dm.items[key]]:
            self.dm.items[key] = state
