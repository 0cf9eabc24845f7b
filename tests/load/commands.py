"""How the commands of the benchmark are called, and how they end."""

import argparse
import datetime as dt
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NoReturn

from services.embedded.servers import CannotStart
from shared.errors import NeighbourAway
from tests.load import machine
from tests.load.figures import Record, Result
from tests.load.system import Void

_GIGABYTE = 1 << 30


class Parser(argparse.ArgumentParser):
    """Says in one sentence what is wrong with a call."""

    def error(self, message: str) -> NoReturn:
        """End with the exit code of a wrong call."""
        self.exit(2, f"{self.prog}: {message}\n")

    def chosen(self, given: Sequence[str] | None, known: Iterable[str]) -> list[str]:
        """The parts that were named, by commas or one by one; all of them when none was."""
        names = [part for some in given or () for part in some.split(",")]
        if unknown := [name for name in names if name not in known]:
            self.error(f"there is no part {unknown[0]!r}: choose of {', '.join(known)}")
        return names or list(known)


def require_room(disk: int, memory: int) -> None:
    """Raise CannotStart when disk or memory (bytes) would end the run half-way."""
    folder = tempfile.gettempdir()
    if shutil.disk_usage(folder).free < disk:
        sentence = (
            f"This needs {disk / _GIGABYTE:.0f} GB free in {folder}: set TMPDIR to another folder."
        )
        raise CannotStart(sentence, exit_code=2)
    if _available() < memory:
        sentence = f"This needs {memory / _GIGABYTE:.0f} GB of memory that nobody uses."
        raise CannotStart(sentence, exit_code=2)


def _available() -> float:
    """Bytes that programs may still take; where nobody says, enough."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return float("inf")
    found = {name: words.split()[0] for name, _, words in (line.partition(":") for line in lines)}
    return int(found["MemAvailable"]) * 1024


def take(parts: Iterable[Callable[[], list[Result]]]) -> list[Result]:
    """Measure one part after the other, and say each figure as it is there. Raises Void, CannotStart."""
    results: list[Result] = []
    for part in parts:
        began = time.monotonic()
        for result in part():
            print(result.line(), flush=True)
            results.append(result)
        print(f"  ({time.monotonic() - began:.0f} s)", flush=True)
    return results


def ended(work: Callable[[], None]) -> int:
    """0: measured, and everything right. 1: a result was wrong, or a server away. 2: it cannot be run so. 130: stopped."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started is stopped
    try:
        work()
    except (Void, NeighbourAway) as wrong:
        print(f"void: {wrong}", file=sys.stderr)
        return 1
    except CannotStart as problem:
        print(problem, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; nothing was written", file=sys.stderr)
        return 130
    return 0


def others_share() -> float:
    """Percent of the machine that others use, said aloud when it spoils figures."""
    busy = machine.others()
    if busy > machine.BUSY:
        print(f"Others use {busy:.0f} % of this machine: the figures are only indications.")
    return busy


def record(results: list[Result], busy: float, peers: Path | None) -> Record:
    """The figures of today and of this machine."""
    described = f"{machine.describe(peers)}; others used {busy:.0f} %"
    return Record(described, dt.datetime.now(dt.UTC).date().isoformat(), results)


def summary(results: Sequence[Result]) -> str:
    """How many goals are met."""
    judged = [result for result in results if result.met is not None]
    met = sum(bool(result.met) for result in judged)
    return f"{len(results)} figures, all checked; {met} of {len(judged)} goals met"
