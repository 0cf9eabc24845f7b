"""What a run saw, for people: a line for each fault, then the figures, then one line for all."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.faults.callers import Told, Written
from tests.faults.shapes import Shape
from tests.faults.traffic import History
from tests.faults.verdict import Verdict

_SHOWN = 20


@dataclass(slots=True)
class Report:
    """What happened, and the judgement."""

    shape: Shape
    seed: int
    history: History
    written: Written
    told: Told = field(default_factory=Told)
    verdict: Verdict = field(default_factory=Verdict)
    seen: Counter[str] = field(default_factory=Counter)
    unseen: list[str] = field(default_factory=list)
    recoveries: dict[str, list[float]] = field(default_factory=dict)
    seconds: float = 0.0
    slow: float = 1.0  # times as slowly as on a quiet machine everything started
    worst: float = 1.0  # and then ran, at the worst time
    looks: int = 0
    missed: int = 0

    @property
    def exit_status(self) -> int:
        """0: every promise held. 1: one was broken. 2: the run saw too few faults to say so."""
        if self.verdict.violations:
            return 1
        return 2 if self.unseen else 0

    def lines(self) -> Iterator[str]:
        """The summary; its last line is the whole run."""
        answers = self.history.answers
        answered = ", ".join(f"{count} {what}" for what, count in answers.most_common())
        yield f"fans     {self.history.tries} deliveries: {answered}; slowest {self.history.slowest:.2f} s"
        written = self.written
        yield f"people   {len(written.texts)} replies under as many keys, in {written.tries} requests"
        yield f"guests   {_counted(self.told.done)}; {len(self.told.phones)} numbers left"
        struck = ", ".join(f"{count} {what}" for what, count in sorted(self.seen.items()) if count)
        yield f"seen     {struck}"
        yield f"decided  {_counted(self.verdict.outcomes)}; attempts {_counted(self.verdict.attempts)}"
        for what, took in self.recoveries.items():
            yield f"answered {max(took):.1f} s at the latest after {what} ({len(took)} times)"
        yield (
            f"at rest  {self.verdict.recovered:.1f} s after the last fault;"
            f" {self.looks} looks while it ran, {self.missed} while PostgreSQL was away;"
            f" {self.verdict.orphans} holds without a send yet"
        )
        if self.worst > 1:
            yield (
                f"slow     this machine started it {self.slow:.1f} times as slowly as a quiet one, and ran it"
                f" {self.worst:.1f} times as slowly at the worst: bounds were longer, fans fewer"
            )
        yield from (f"NOT SEEN {one}" for one in self.unseen)
        for violation in self.verdict.violations[:_SHOWN]:
            yield f"BROKEN   {violation}"
        if self.exit_status:
            yield f"replay   python -m tests.faults {_words(self.shape)} --seed {self.seed}"
        yield self.last_line()

    def last_line(self) -> str:
        """The run in one line."""
        verdict, seen = self.verdict, self.seen
        return (
            f"seed {self.seed}, {self.seconds:.0f} s: {len(self.history.acknowledged)} events"
            f" acknowledged, {verdict.accepted} sends accepted; {seen['process_killed']} kills,"
            f" {seen['valkey_losses']} losses of Valkey,"
            f" {seen['postgres_down']} ends of PostgreSQL; {verdict.doubted} unknowns seen,"
            f" {verdict.resolved} resolved, {verdict.never_accepted} were never accepted,"
            f" {verdict.unconfirmed} without an echo ({verdict.lost_echoes} withheld);"
            f" {len(verdict.violations)} violations"
        )


def _counted(counter: Counter[str]) -> str:
    return ", ".join(f"{count} {what}" for what, count in counter.most_common())


def _words(shape: Shape) -> str:
    chosen = [f"--only {name}" for name in shape.scenarios] if shape.only else []
    return " ".join([*([f"--shape {shape.name}"] if shape.name else []), *chosen])
