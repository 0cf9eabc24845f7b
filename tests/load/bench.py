"""`make bench`: every goal of the main job on this machine, beside its peers, checked.

Everything runs here: real servers with fsync on, the simulator, each role of each service as a process
of its own, and the load. A figure counts only if what came out was right; else the run is void.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.load import commands, report
from tests.load.figures import Result
from tests.load.parts import SHORT, Shape, events, idle, intake, matching, quota, whole_path
from tests.load.peers import INSTALLED

RESULTS = Path("benchmarks/results.json")
_RUNS = 5
_DISK, _MEMORY = 3 << 30, 2 << 30

PARTS: dict[str, Callable[[Shape], list[Result]]] = {
    "P1": intake.measure,
    "P2": whole_path.measure,
    "P3": whole_path.measure,
    "P4": quota.measure,
    "P5": events.measure,
    "P6": matching.measure,
    "P11": idle.measure,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line says. `out` None: the figures are only told."""

    only: Sequence[str]
    shape: Shape
    out: Path | None


def asked_for(words: Sequence[str]) -> Asked:
    """Read the command line; what is wrong with it ends the process with one sentence."""
    parser = commands.Parser(prog="tests.load.bench", description=__doc__)
    parser.add_argument("--only", action="append", metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--runs", type=int, default=_RUNS, help="of which the median is told")
    parser.add_argument("--short", action="store_true", help="show that every part works")
    parser.add_argument("--out", type=Path, help="write the figures to a file of yours")
    given = parser.parse_args(words)
    only = parser.chosen(given.only, PARTS)
    if given.runs < 1:
        parser.error("--runs must be at least 1")
    peers = INSTALLED if INSTALLED.exists() else None
    if peers is None and not given.short:
        parser.error("the peers are not installed: `make bench` does it")
    shape = SHORT if given.short else Shape(runs=given.runs, peers=peers)
    is_whole = not given.short and not given.only and given.runs >= _RUNS
    return Asked(only, shape, given.out or (RESULTS if is_whole else None))


def run(asked: Asked) -> None:
    """Measure, tell, and write. Raises Void, CannotStart."""
    commands.require_room(_DISK, _MEMORY)
    busy = commands.others_share()
    parts = dict.fromkeys(PARTS[name] for name in asked.only)
    results = commands.take(partial(part, asked.shape) for part in parts)
    if asked.out is not None:
        commands.record(results, busy, asked.shape.peers).write(asked.out)
    if asked.out == RESULTS:
        report.write()
    print("every part works" if asked.shape.short else commands.summary(results))


if __name__ == "__main__":
    sys.exit(commands.ended(partial(run, asked_for(sys.argv[1:]))))
