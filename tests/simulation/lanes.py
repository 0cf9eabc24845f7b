"""What all services share: lanes that take batches and transactions that may be cut off.

The services are tasks: each `yield` is a place where others go on, time passes, or the process dies.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from tests.simulation.world import Away, Envelope, Process, Tx, World

Task = Generator[None, None, None]
Handler = Callable[[Process, list[Envelope]], Task]
ORGANIZATION, ACCOUNT = "org_1", "acc_1"


class Message(NamedTuple):
    """What a fan wrote, and what will be said to it."""

    id: str
    fan: str
    at: datetime
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A send that is to be asked for."""

    operation: str
    message: Message
    texts: tuple[str, ...]
    actor: str = "bot"
    supersedes: str | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """How an item ended, as the connector tells it."""

    operation: str
    reservation: str
    item: int
    outcome: str
    closes: str | None


class Tasks:
    """On one world. `spawn` starts a task beside those that run."""

    def __init__(self, world: World, spawn: Callable[[Process, Task], None]) -> None:
        self.w, self.spawn = world, spawn
        self.handlers: dict[tuple[str, str], Handler] = {}

    # ---------------------------------------------------------------------------- the lanes

    def lane(self, process: Process, hearer: str, batch: list[Envelope]) -> Task:
        """Handle a batch, then acknowledge it; what fails comes again."""
        yield
        try:
            for kind in dict.fromkeys(e.kind for e in batch):
                once = {e.id: e for e in batch if e.kind == kind}
                if "acknowledgement before commit" in self.w.bugs:
                    self.w.acknowledge(hearer, once.values())
                yield from self.handlers[hearer, kind](process, list(once.values()))
                yield
                self.w.acknowledge(hearer, once.values())
        except Away:
            self.w.streams[hearer] += batch
        del process.hands[hearer]

    def _handled(
        self,
        hearer: str,
        effect: Callable[[Tx, list[Envelope]], None],
        _: Process,
        batch: list[Envelope],
    ) -> Task:
        """One transaction: the marks and the effect of what was not heard before."""
        tx = Tx(self.w, self.w.number() if "relay by highest id" in self.w.bugs else None)
        yield from ()
        effect(tx, self._fresh(tx, hearer, batch))
        self.w.commit(tx)

    def _fresh(self, tx: Tx, hearer: str, batch: list[Envelope]) -> list[Envelope]:
        fresh = [e for e in batch if e.id not in self.w.inbox[hearer]]
        tx.marks += [(hearer, e.id) for e in batch]
        return fresh

    def _committed(self, tx: Tx) -> Task:
        try:
            self.w.commit(tx)
        except Away:
            return
        yield
