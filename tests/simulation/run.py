"""Play one seed: a story at random, then quiet, then what must be true of a house at rest."""

from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

from services.direct_messages.domain.messages import State as MessageState
from services.douyin.domain.attempts import State
from tests.simulation.attempts import Attempt
from tests.simulation.houses import House
from tests.simulation.lanes import Message, Task, Wanted
from tests.simulation.platform import Faults, draw_faults
from tests.simulation.world import Envelope, Process, Violation, World

_DOUBT = {State.UNKNOWN, State.PRESUMED_NOT_SENT}
_AT_REST = {State.SENT, State.FAILED, *_DOUBT}
_STEPS = (80, 240)
_FANS = ("fan_1", "fan_2")


@dataclass
class Report:
    """How a seed ended, and what it saw."""

    seed: int
    violation: str | None
    trace: list[str]
    seen: dict[str, int] = field(default_factory=dict)


class Story:
    """The scheduler: it alone decides who goes on, what breaks, and how time passes."""

    def __init__(self, seed: int, bugs: frozenset[str]) -> None:
        self.random = Random(seed)
        self.w = World(self.random, draw_faults(self.random), bugs)
        self.tasks: list[tuple[Process, int, Task]] = []
        self.house = House(self.w, self._spawn)
        self.kills = 0
        self._messages = 0

    def _spawn(self, process: Process, task: Task) -> None:
        self.tasks.append((process, process.born, task))

    # ------------------------------------------------------------------------------ the story

    def play(self) -> None:
        """A story of random length, then quiet."""
        random = self.random
        choices = (
            (self._advance, 50),
            (self._consume, 18),
            (self._relay, 9),
            (self._fan_writes, 4),
            (self._person_writes, 2),
            (self._knock, 9),
            (self._tick, 3),
        )
        steps = random.choices(
            [step for step, _ in choices],
            [weight for _, weight in choices],
            k=random.randint(*_STEPS),
        )
        for step in steps:
            step()
            self._find_lost()
            self.w.now += timedelta(seconds=random.random() * 0.4)
            if random.random() < self.w.faults.kills:
                self._kill(random.choice(self.w.processes))
            if random.random() < self.w.faults.leaps:
                self._leap()
        self._rest()

    def _find_lost(self) -> None:
        for process in self.w.processes:
            if process.lost and self.random.random() < 0.5:
                self._spawn(process, self.house.find_lost(process))

    def _leap(self) -> None:
        seconds = self.random.choice((3, 9, 14, 14, 130, 130, 1000, 90_000))
        self.w.now += timedelta(seconds=seconds)
        self.w.say(f"{seconds} s pass")

    def _kill(self, process: Process) -> None:
        self.kills += 1
        self.w.say(f"process {process.name} dies")
        self.tasks = [t for t in self.tasks if t[0] is not process]
        for hearer, batch in process.hands.items():
            self.w.streams[hearer] += batch
        process.hands.clear()
        process.results.clear()
        process.lost.clear()
        process.settles = False
        if self.random.random() < 0.2:
            self.w.say("the carrier loses everything")
            for stream in self.w.streams.values():
                stream.clear()

    def _advance(self) -> None:
        for _ in range(3):
            if self.tasks:
                self._resume(self.random.randrange(len(self.tasks)))

    def _resume(self, place: int) -> None:
        process, _, task = self.tasks[place]
        try:
            next(task)
        except StopIteration:
            self.tasks.pop(place)
        if process.results and not process.settles:
            process.settles = True
            self._spawn(process, self.house.settling(process))

    def _consume(self) -> None:
        w, process = self.w, self.random.choice(self.w.processes)
        hearer = self.random.choice(("dm", "douyin", "quota"))
        stream = w.streams[hearer]
        if not stream or hearer in process.hands:
            return
        if self.random.random() < w.faults.carrier:
            self.random.shuffle(stream)
        count = self.random.randint(1, 3)
        batch = stream[:count]
        del stream[:count]
        process.hands[hearer] = batch
        self._spawn(process, self.house.lane(process, hearer, batch))

    def _relay(self) -> None:
        self.w.relay(self.w.due())

    def _fan_writes(self) -> None:
        w = self.w
        self._messages += 1
        id_ = f"@in{self._messages:03}"
        count = self.random.choice((0, 1, 1, 2, 3))
        texts = tuple(self._text(f"{id_}.{n}") for n in range(count))
        message = Message(id_, self.random.choice(_FANS), w.now, texts)
        hook = Envelope(f"evt_{id_}", "message", message)
        w.say(f"{message.fan} writes {id_}, to be answered with {count}")
        w.webhooks += [(w.now, hook)] * self.random.choice((1, 1, 1, 2))

    def _text(self, unique: str) -> str:
        return self.random.choice(("one", "two")) if self.w.faults.repeats else unique

    def _person_writes(self) -> None:
        w = self.w
        fan = self.random.choice(_FANS)
        newest: Message | None = w.dm.newest.get(fan)
        if newest is None or w.now - newest.at > timedelta(hours=24):
            return
        number = w.number()
        doubts = [
            key
            for key, state in w.dm.items.items()
            if state is MessageState.UNKNOWN and w.table.rows[key].new.open_id == fan
        ]
        supersedes, text = None, self._text(f"by hand {number}")
        if doubts and self.random.random() < 0.7:
            doubt = self.random.choice(doubts)
            supersedes, text = doubt[0], w.table.rows[doubt].new.content
        wanted = Wanted(f"op_by_hand_{number}", newest, (text,), "person", supersedes)
        w.say(f"a person writes {wanted.operation}, instead of {supersedes}")
        process = self.random.choice(w.processes)
        self._spawn(process, self.house.reply(process, wanted))

    def _knock(self) -> None:
        w = self.w
        due = [x for x in w.webhooks if x[0] <= w.now]
        if not due:
            return
        hook = self.random.choice(due)
        w.webhooks.remove(hook)
        process = self.random.choice(w.processes)
        self._spawn(process, self.house.door(process, hook[1]))

    def _tick(self) -> None:
        process = self.random.choice(self.w.processes)
        make = self.random.choice((self.house.sweep, self.house.sweep, self.house.quota_ticks))
        self._spawn(process, make(process))

    # ---------------------------------------------------------------------------- coming to rest

    def _rest(self) -> None:
        w = self.w
        lost = w.faults.echo_lost
        w.say("from here on nothing breaks")
        w.faults = Faults(ids_differ=w.faults.ids_differ, repeats=w.faults.repeats, echo_lost=lost)
        w.platform.faults = w.faults
        for _ in range(10):  # twenty minutes and more: every lease and every question
            self._settle_down()
            w.now += timedelta(seconds=140)
        self._check_rest()
        w.now += timedelta(hours=25)
        for _ in range(3):
            self._settle_down()
            w.now += timedelta(minutes=16)
        self._check_holds_over()

    def _settle_down(self) -> None:
        w = self.w
        for process in w.processes:
            self._spawn(process, self.house.find_lost(process))
            self._spawn(process, self.house.sweep(process))
            self._spawn(process, self.house.quota_ticks(process))
        for _ in range(400):
            while self.tasks:
                self._resume(0)
            self._relay()
            for _ in w.webhooks[:]:
                self._knock()
            for _ in range(12):
                self._consume()
            if not self.tasks and not any(w.streams.values()):
                break
            w.now += timedelta(seconds=0.01)
        else:
            raise w.broken("I12", "it does not come to rest")

    def _check_rest(self) -> None:
        w = self.w
        for id_ in sorted(w.acknowledged):
            if id_ not in w.inbound:
                raise w.broken("I1", f"{id_} was answered 200 and is not stored")
        asked = {id_ for id_ in w.acknowledged if id_.startswith("@")}
        for id_ in sorted(asked - set(w.dm.handled)):
            raise w.broken("I1", f"{id_} was answered 200 and never handled")
        if w.outbox:
            raise w.broken("I1", f"{next(iter(w.outbox))} was never heard")
        for attempt in w.table.rows.values():
            self._check_attempt(attempt)
        for line in (x for lines in w.ledger.lines.values() for x in lines):
            if line.settled is None and not self._is_in_doubt(line.reservation_id, line.item):
                raise w.broken("I4", f"{line.reservation_id}/{line.item} is held for nothing")

    def _check_attempt(self, attempt: Attempt) -> None:
        w, key, state = self.w, attempt.key, attempt.state
        if state not in _AT_REST:
            if not self._waits_for_a_doubt(attempt):
                raise w.broken("I12", f"{key} is still {state}")
            return
        shown = w.dm.items[key].value
        if shown != state.value:
            raise w.broken("I10", f"{key} is {state}, shown as {shown}")
        same = [
            a
            for a in w.table.of(attempt.new.conversation_id)
            if a.key != key and a.new.content_hash == attempt.new.content_hash
        ]
        if state is State.SENT and key not in w.platform.accepted and not same:
            raise w.broken("I2", f"{key} is called sent, and nobody saw it")
        # of two in doubt with the same words, an echo cannot tell which it is of
        was_alone = not any(a.state is State.UNKNOWN or a.reason == "echo" for a in same)
        if state is State.UNKNOWN and was_alone and not w.faults.ids_differ:
            self._check_doubt(attempt, same)

    def _check_doubt(self, attempt: Attempt, same: list[Attempt]) -> None:
        """Its echo was withheld, or was taken for that of another, whose own was."""
        w = self.w
        came = w.platform.echoes_of(attempt.key) & w.table.shown
        holders = [a.key for a in same if a.echo_id in came]
        if came and (not holders or w.platform.echoes_of(holders[0]) & w.table.shown):
            raise w.broken("I4", f"{attempt.key} is in doubt though {came} came")

    def _waits_for_a_doubt(self, attempt: Attempt) -> bool:
        return attempt.new.expires_at > self.w.now and any(
            a.blocks_its_text and a.state is State.UNKNOWN
            for a in self.w.table.of(attempt.new.conversation_id)
        )

    def _is_in_doubt(self, reservation: str, item: int) -> bool:
        return any(
            a.new.reservation_id == reservation
            and a.new.item == item
            and (a.state in _DOUBT or self._waits_for_a_doubt(a))
            for a in self.w.table.rows.values()
        )

    def _check_holds_over(self) -> None:
        for reservation in self.w.ledger.lines:
            if self.w.ledger.counts(reservation)[0]:
                raise self.w.broken("I4", f"{reservation} is held though its window is over")


def play(seed: int, bugs: frozenset[str] = frozenset()) -> Report:
    """The story of a seed, to its end or to the first broken promise."""
    story = Story(seed, bugs)
    violation = None
    try:
        story.play()
    except Violation as broken:
        violation = str(broken)
    w = story.w
    states = [a.state for a in w.table.rows.values()]
    seen = {
        "messages": len(w.acknowledged & set(w.dm.handled)),
        "sends": sum(map(len, w.platform.accepted.values())),
        "kills": story.kills,
        "unknown": states.count(State.UNKNOWN),
        "by echo": sum(a.reason == "echo" for a in w.table.rows.values()),
    }
    return Report(seed, violation, w.trace, seen)
