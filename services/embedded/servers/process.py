"""A child process that dies with us: started, watched, stopped in bounded time, never leaked."""

import os
import platform
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from services.embedded.servers.errors import CannotStart
from services.embedded.servers.log_file import LogFile
from services.embedded.servers.ports import answers_ok

_GUARD = 'trap "" INT TERM HUP; read -r _; kill -s "$1" "$2"'
"""A shell that waits for the end of a pipe, which comes when we die, and then signals the child."""


@dataclass(frozen=True, slots=True)
class Manners:
    """How a child is asked to stop, how long it may take, and what it gets if we die."""

    stop_signal: signal.Signals = signal.SIGTERM
    stop_within: float = 10.0
    when_we_die: signal.Signals = signal.SIGKILL


class ChildProcess:
    """One process with a log file; subclasses say how it is prepared, run and found ready."""

    def __init__(self, name: str, log: Path, manners: Manners) -> None:
        self.name = name
        self.log = LogFile(log)
        self.manners = manners
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        """Do what must be done before the process is started."""

    def release(self) -> None:
        """Let go of what `prepare` took."""

    def command(self) -> Sequence[str]:
        """Return the words that start the process."""
        raise NotImplementedError

    def prefix(self) -> Sequence[str]:
        """Return words that come before everything else, such as a change of user."""
        return ()

    def environment(self) -> Mapping[str, str] | None:
        """Return the process's environment; None means ours."""
        return None

    def is_ready(self) -> bool:
        """Whether the process does its work."""
        raise NotImplementedError

    def answers(self) -> bool:
        """Whether the process still answers at all; one that does not for long hangs."""
        return True

    @property
    def pid(self) -> int | None:
        """The running process, if there is one."""
        return self._process.pid if self._process is not None else None

    @property
    def exit_code(self) -> int | None:
        """How the last run ended; negative is a signal, None means running or never started."""
        return self._process.poll() if self._process is not None else None

    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def launch(self) -> None:
        """Start the process without waiting until it is ready."""
        if self.alive():
            return
        self._dismiss_guard()
        try:
            self.prepare()
            self._spawn()
        except OSError as problem:
            self.release()
            where = f": {problem.filename}" if problem.filename else ""
            sentence = f"{self.name} cannot be started: {problem.strerror}{where}."
            raise CannotStart(sentence) from None
        except BaseException:
            self.release()
            raise

    def wait_ready(self, timeout: float = 60.0) -> None:
        """Wait until the process is ready; say why if it ends instead."""
        deadline = time.monotonic() + timeout
        while not self.is_ready():
            if not self.alive():
                raise CannotStart(self.why_it_ended())
            if time.monotonic() > deadline:
                raise CannotStart(f"{self.name} was not ready within {timeout:.0f} seconds.")
            time.sleep(0.01)

    def start(self, timeout: float = 60.0) -> None:
        """Start the process and wait until it is ready."""
        self.launch()
        try:
            self.wait_ready(timeout)
        except BaseException:
            self.stop()
            raise

    def ask_to_stop(self) -> None:
        """Send the polite signal."""
        self._signal(self.manners.stop_signal)

    def stop(self, within: float | None = None) -> None:
        """Stop the process: politely, and after the time it may take by force."""
        self.ask_to_stop()
        self.await_end(self.manners.stop_within if within is None else within)

    def await_end(self, within: float) -> None:
        """Wait for the end of a process that was asked to stop; force it when the time is over."""
        if self._process is not None:
            try:
                self._process.wait(within)
            except subprocess.TimeoutExpired:
                self.kill()
        self._dismiss_guard()
        self.release()

    def kill(self) -> None:
        """End the process with SIGKILL, as an accident would."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def why_it_ended(self) -> str:
        """Return one sentence on how the last run ended."""
        cause = self.log.cause().rstrip(".")
        return f"{self.name} ended with code {self.exit_code}: {cause} (log: {self.log.path})."

    def _spawn(self) -> None:
        bound, guarded = bound_to_us(self.manners.when_we_die)
        with self.log.open_for_run() as output:
            self._process = subprocess.Popen(
                [*self.prefix(), *bound, *self.command()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self.environment(),
                start_new_session=True,
            )
        if guarded:
            self._guard = _guard(self._process.pid, self.manners.when_we_die)

    def _signal(self, sent: signal.Signals) -> None:
        if self.alive() and self._process is not None:
            self._process.send_signal(sent)

    def _dismiss_guard(self) -> None:
        if self._guard is not None:
            self._guard.kill()
            self._guard.wait()
            if self._guard.stdin is not None:
                self._guard.stdin.close()
            self._guard = None

    def __enter__(self) -> Self:
        """Start, for a `with` block."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop at the end of a `with` block."""
        self.stop()


class Command(ChildProcess):
    """A program of ours: a command line, an environment, and where it serves `/readyz` and `/livez`."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        *,
        environment: Mapping[str, str] | None = None,
        serves: tuple[str, int] | None = None,
        stop_within: float = 25.0,
    ) -> None:
        super().__init__(name, log, Manners(stop_within=stop_within))
        self._command = list(command)
        self._environment = environment
        self._serves = serves

    def command(self) -> Sequence[str]:
        """Return the command line it was given."""
        return self._command

    def environment(self) -> Mapping[str, str] | None:
        """Return our environment with what was given on top."""
        return None if self._environment is None else environment_with(self._environment)

    def is_ready(self) -> bool:
        """Ask; what serves nothing is ready when it runs."""
        return self.alive() and (self._serves is None or answers_ok(*self._serves, "/readyz"))

    def answers(self) -> bool:
        """Ask; what serves nothing cannot be asked."""
        return self._serves is None or answers_ok(*self._serves, "/livez")


def environment_with(more: Mapping[str, str]) -> dict[str, str]:
    """Return our environment with more variables, for a child process."""
    return {**os.environ, **more}


def bound_to_us(sent: signal.Signals) -> tuple[Sequence[str], bool]:
    """Return the prefix with which the kernel signals the child when we die, or ask for a guard.

    The kernel means the thread that starts the child, so only the main thread may rely on it.
    """
    in_main_thread = threading.current_thread() is threading.main_thread()
    if platform.system() == "Linux" and in_main_thread and shutil.which("setpriv"):
        return ("setpriv", "--pdeathsig", sent.name.removeprefix("SIG"), "--"), False
    return (), True


def _guard(pid: int, sent: signal.Signals) -> subprocess.Popen[bytes]:
    """Start the guard process that holds a pipe from us."""
    name = sent.name.removeprefix("SIG")
    return subprocess.Popen(
        ["/bin/sh", "-c", _GUARD, "siyu-guard", name, str(pid)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
