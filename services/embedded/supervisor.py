"""Keeps the processes of embedded mode alive, in order, and stops all of them in bounded time."""

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from services.embedded.servers.bell import Bell
from services.embedded.servers.errors import CONFIGURATION_ERROR, CannotStart
from services.embedded.servers.ports import require_free
from services.embedded.servers.process import ChildProcess, Command

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
HEALTHY_AFTER = 30.0
FAILURES_BEFORE_READY = 3
READY_WITHIN = 120.0
ASKED_EVERY = 5.0
HUNG_AFTER = 45.0  # no answer for so long: longer than any pause that ends by itself
_QUOTED_LINES = 10
_POLL, _IDLE = 0.05, 1.0


@dataclass(frozen=True, slots=True)
class Keep:
    """Start these together, go on when all are ready, keep them alive from then on."""

    children: Sequence[ChildProcess]


@dataclass(frozen=True, slots=True)
class Once:
    """Run this program to its end; go on if it succeeds."""

    command: Command


@dataclass(frozen=True, slots=True)
class Call:
    """Call this function; it is short, since nobody is revived meanwhile."""

    function: Callable[[], None]


Step = Keep | Once | Call


@dataclass(frozen=True, slots=True)
class Listens:
    """A port that must be free before anything is started, and the setting that changes it."""

    host: str
    port: int
    setting: str


def say(line: str) -> None:
    """Print a line at once; a terminal that has gone away is no reason to stop."""
    with contextlib.suppress(OSError):
        print(line, flush=True)


def pause_after(failures: int, worked: float) -> float:
    """Return how many seconds to wait after so many failures in a row.

    The pause doubles with each failure. It counts from the moment the child was ready, so that a
    child that has worked for longer than its pause comes back at once.
    """
    doublings = min(failures - 1, 10)
    pause = min(FIRST_PAUSE * 2.0**doublings, LONGEST_PAUSE)
    return max(FIRST_PAUSE, pause - worked)


class Supervisor:
    """Takes the steps one after another, then watches until it is asked to stop.

    `run` belongs in the main thread: it handles the signals of the process, and the kernel ends
    the children together with the thread that started them.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        *,
        listens: Sequence[Listens] = (),
        tell: Callable[[str], None] = say,
        hung_after: float = HUNG_AFTER,
    ) -> None:
        self._steps = steps
        self._listens = listens
        self._tell = tell
        self._hung_after = hung_after
        self._bell = Bell()
        self._groups: list[list[_Kept]] = []

    def run(self, on_ready: Callable[[], None] = lambda: None) -> int:
        """Run until SIGTERM or Ctrl-C and return the exit code; nothing is left running."""
        with self._bell:
            try:
                for port in self._listens:
                    require_free(port.host, port.port, port.setting)
                for step in self._steps:
                    self._take(step)
                on_ready()
                self._watch(lambda: False)
            except _AskedToStopError:
                self._tell("stopping")
                return 0
            except CannotStart as problem:
                self._tell(str(problem))
                return problem.exit_code
            finally:
                self._stop_all()
        return 0

    def _take(self, step: Step) -> None:
        match step:
            case Keep(children):
                self._start(children)
            case Once(command):
                self._run_once(command)
            case Call(function):
                function()
        if self._bell.rung:
            raise _AskedToStopError

    def _start(self, children: Sequence[ChildProcess]) -> None:
        group: list[_Kept] = []
        self._groups.append(group)
        for child in children:
            group.append(_Kept(child))
            child.launch()
        deadline = time.monotonic() + READY_WITHIN
        self._watch(lambda: all(kept.was_ready for kept in group) or time.monotonic() > deadline)
        for kept in group:
            if not kept.was_ready:
                raise CannotStart(f"{kept.child.name} was not ready in {READY_WITHIN:.0f} seconds.")

    def _run_once(self, command: Command) -> None:
        command.launch()
        try:
            self._watch(lambda: not command.alive())
        finally:
            self._end([command])
        if command.exit_code == CONFIGURATION_ERROR:
            raise _configuration_error(command)
        if command.exit_code != 0:
            raise CannotStart(command.why_it_ended())

    def _watch(self, done: Callable[[], bool]) -> None:
        """Revive what ends, until it is done or we are asked to stop."""
        while not done():
            if self._bell.rung:
                raise _AskedToStopError
            kept_children = [kept for group in self._groups for kept in group]
            for kept in kept_children:
                self._tend(kept)
            if done():
                return
            waiting = any(kept.ready_at is None for kept in kept_children)
            self._bell.wait(_POLL if waiting else _IDLE)

    def _tend(self, kept: "_Kept") -> None:
        now = time.monotonic()
        if kept.due is not None:
            if now >= kept.due:
                self._revive(kept)
        elif not kept.child.alive():
            self._failed(kept, now)
        elif kept.ready_at is None and kept.child.is_ready():
            kept.was_ready, kept.ready_at, kept.answered = True, now, now
            self._tell(f"{kept.child.name} is ready ({now - kept.began:.1f} s)")
        elif kept.ready_at is not None:
            self._ask(kept, now)
        if now - kept.log_checked > HEALTHY_AFTER:
            kept.log_checked = now
            with contextlib.suppress(OSError):
                kept.child.log.rotate_if_large()

    def _ask(self, kept: "_Kept", now: float) -> None:
        """Kill what hangs: it is alive and does nothing, and nothing else would end it."""
        if now - kept.asked < min(ASKED_EVERY, self._hung_after / 3):
            return
        kept.asked = now
        if kept.child.answers():
            kept.answered = now
        elif now - kept.answered > self._hung_after:
            self._tell(
                f"{kept.child.name} has not answered for {now - kept.answered:.0f} s: killed"
            )
            kept.child.kill()

    def _failed(self, kept: "_Kept", now: float) -> None:
        if kept.child.exit_code == CONFIGURATION_ERROR:
            raise _configuration_error(kept.child)
        pause = kept.note_failure(now)
        if not kept.was_ready and kept.failures >= FAILURES_BEFORE_READY:
            raise CannotStart(kept.child.why_it_ended())
        name, code = kept.child.name, kept.child.exit_code
        self._tell(f"{name} ended with code {code}; it is started again in {pause:.1f} s")
        if kept.failures % FAILURES_BEFORE_READY == 0:
            self._tell(f"{name} failed {kept.failures} times; {kept.child.log.path} ends:")
            for line in kept.child.log.last_lines(_QUOTED_LINES):
                self._tell(f"  {line}")

    def _revive(self, kept: "_Kept") -> None:
        kept.due, kept.began = None, time.monotonic()
        try:
            kept.child.launch()
        except CannotStart as problem:
            if not kept.was_ready:
                raise
            pause = kept.note_failure(time.monotonic())
            self._tell(f"{problem} Next try in {pause:.1f} s.")

    def _stop_all(self) -> None:
        while self._groups:
            self._end([kept.child for kept in self._groups.pop()])

    def _end(self, children: Sequence[ChildProcess]) -> None:
        """Stop children side by side; a second signal from the terminal ends the patience."""
        began, rung = time.monotonic(), self._bell.rung
        for child in reversed(children):
            child.ask_to_stop()
        for child in children:
            deadline = began + child.manners.stop_within
            while child.alive() and time.monotonic() < deadline and self._bell.rung <= max(rung, 1):
                self._bell.wait(min(_IDLE, max(0.0, deadline - time.monotonic())))
            if child.alive():
                self._tell(f"{child.name} did not stop and is killed")
            child.await_end(0)


class _AskedToStopError(Exception):
    """SIGTERM, SIGHUP or Ctrl-C came."""


def _configuration_error(child: ChildProcess) -> CannotStart:
    return CannotStart(
        "\n".join(child.log.last_lines(1)) or f"{child.name} refuses its settings.",
        exit_code=CONFIGURATION_ERROR,
    )


@dataclass(slots=True)
class _Kept:
    """What we know about a child that is kept alive."""

    child: ChildProcess
    began: float = field(default_factory=time.monotonic)
    ready_at: float | None = None
    was_ready: bool = False
    failures: int = 0
    due: float | None = None
    log_checked: float = field(default_factory=time.monotonic)
    asked: float = 0.0
    answered: float = 0.0

    def note_failure(self, now: float) -> float:
        """Set when to start again, and return in how many seconds that is."""
        worked = 0.0 if self.ready_at is None else now - self.ready_at
        self.failures = 1 if worked >= HEALTHY_AFTER else self.failures + 1
        pause = pause_after(self.failures, worked)
        self.ready_at, self.due = None, now + pause
        return pause
