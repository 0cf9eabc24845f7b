"""`make bench`: every goal of the main job on this machine, beside its peers, checked.

Everything runs here: real servers with fsync on, the simulator, each role of each service as a process
of its own, and the load. A figure counts only if what came out was right; else the run is void.
"""

import argparse
import datetime as dt
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from services.embedded.servers import CannotStart
from tests.load import machine, report
from tests.load.figures import Record, Result
from tests.load.parts import SHORT, Shape, events, idle, intake, matching, quota, whole_path
from tests.load.peers import INSTALLED
from tests.load.system import Void

RESULTS = Path("benchmarks/results.json")
_DISK = 3 << 30  # bytes that a run may write below the folder for temporary files
_MEMORY = 2 << 30

Measure = Callable[[Shape], list[Result]]
PARTS: dict[str, Measure] = {
    "P1": intake.measure,
    "P2": whole_path.measure,
    "P3": whole_path.measure,
    "P4": quota.measure,
    "P5": events.measure,
    "P6": matching.measure,
    "P11": idle.measure,
}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One sentence, and the exit code of a wrong call."""
        self.exit(2, f"{self.prog}: {message}\n")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line says."""

    only: Sequence[str]
    shape: Shape
    out: Path | None


def asked_for(words: Sequence[str]) -> Asked:
    """Read the command line; what is wrong with it ends the process with one sentence."""
    parser = _Parser(prog="tests.load.bench", description=__doc__)
    parser.add_argument("--only", action="append", metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--runs", type=int, default=5, help="of which the median is told")
    parser.add_argument(
        "--short", action="store_true", help="show that every part works; no figures"
    )
    parser.add_argument("--out", type=Path, help="write the figures of this run to a file of yours")
    given = parser.parse_args(words)
    only = [part for some in given.only or () for part in some.split(",")]
    if unknown := [part for part in only if part not in PARTS]:
        parser.error(f"there is no part {unknown[0]!r}: choose of {', '.join(PARTS)}")
    if given.runs < 1:
        parser.error("--runs must be at least 1")
    peers = INSTALLED if INSTALLED.exists() else None
    if peers is None and not given.short:
        parser.error("the peers are not installed: `make bench` does it")
    shape = SHORT if given.short else Shape(runs=given.runs, peers=peers)
    whole = not given.short and not only and given.runs >= 5
    return Asked(only or list(PARTS), shape, given.out or (RESULTS if whole else None))


def require_room() -> None:
    """Raise CannotStart when disk or memory would end the run half-way."""
    folder = tempfile.gettempdir()
    if shutil.disk_usage(folder).free < _DISK:
        raise CannotStart(f"A run needs {_DISK >> 30} GB free in {folder}.", exit_code=2)
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if free < _MEMORY // 4:
        raise CannotStart(f"A run needs {_MEMORY >> 30} GB of memory.", exit_code=2)


def measure(asked: Asked) -> list[Result]:
    """Take the figures, and say each as it is there. Raises Void, CannotStart."""
    results: list[Result] = []
    for part in dict.fromkeys(PARTS[name] for name in asked.only):
        began = time.monotonic()
        for result in part(asked.shape):
            print(result.line(), flush=True)
            results.append(result)
        print(f"  ({time.monotonic() - began:.0f} s)", flush=True)
    return results


def main(words: Sequence[str]) -> int:
    """0: measured, and everything right. 1: a result was wrong. 2: it cannot be run so."""
    asked = asked_for(words)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started is stopped
    try:
        require_room()
        busy = machine.others()
        if busy > machine.BUSY:
            print(f"Others use {busy:.0f} % of this machine: the figures are only indications.")
        results = measure(asked)
    except Void as wrong:
        print(f"void: {wrong}", file=sys.stderr)
        return 1
    except CannotStart as problem:
        print(problem, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; nothing was written", file=sys.stderr)
        return 130
    if asked.out is not None:
        described = f"{machine.describe(asked.shape.peers)}; others used {busy:.0f} %"
        today = dt.datetime.now(dt.UTC).date().isoformat()
        Record(described, today, results).write(asked.out)
        if asked.out == RESULTS:
            report.write()
    judged = [result for result in results if result.met is not None]
    met = sum(bool(result.met) for result in judged)
    told = "every part works" if asked.shape.short else f"{met} of {len(judged)} goals met"
    print(f"{len(results)} figures, all checked; {told}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
