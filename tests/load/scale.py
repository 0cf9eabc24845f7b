"""`make bench-scale`: how far one machine goes, and what grows with what.

More worker processes a lane, few and many conversations, a backlog of a million events, a history of
ten million messages. It may take an hour or two. Writes `benchmarks/scaling.json` and the figures of
`docs/scaling.md`; a wrong result voids the run.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tests.load import commands, report
from tests.load.figures import Result
from tests.load.scaling import SHORT, Scale
from tests.load.scaling.backlog import backlog
from tests.load.scaling.breadth import conversations, workers
from tests.load.scaling.history import history

RESULTS = Path("benchmarks/scaling.json")
_BYTES_EACH = 6_000  # that a message or a waiting event takes on disk, with its indexes and its log
_DISK, _MEMORY = 3 << 30, 4 << 30

PARTS: dict[str, Callable[[Scale], list[Result]]] = {
    "workers": workers,
    "conversations": conversations,
    "backlog": backlog,
    "history": history,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line says. `out` None: the figures are only told."""

    only: Sequence[str]
    scale: Scale
    out: Path | None


def asked_for(words: Sequence[str]) -> Asked:
    """Read the command line; what is wrong with it ends the process with one sentence."""
    parser = commands.Parser(prog="tests.load.scale", description=__doc__)
    parser.add_argument("--only", action="append", metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--short", action="store_true", help="show that every part works")
    parser.add_argument("--backlog", type=int, metavar="N", help="events that wait")
    parser.add_argument("--stored", type=int, metavar="N", help="messages of the history")
    parser.add_argument("--out", type=Path, help="write the figures to a file of yours")
    given = parser.parse_args(words)
    only = parser.chosen(given.only, PARTS)
    sizes = {n: v for n in ("backlog", "stored") if (v := getattr(given, n)) is not None}
    if small := [name for name, value in sizes.items() if value < 100]:
        parser.error(f"--{small[0]} must be at least 100")
    scale = replace(SHORT if given.short else Scale(), **sizes)
    is_whole = not (given.short or given.only or sizes)
    return Asked(only, scale, given.out or (RESULTS if is_whole else None))


def run(asked: Asked) -> None:
    """Measure, tell, and write. Raises Void, CannotStart."""
    most = max(asked.scale.stored, 2 * asked.scale.backlog)
    commands.require_room(_DISK + most * _BYTES_EACH, _MEMORY)
    busy = commands.others_share()
    results = commands.take(partial(PARTS[name], asked.scale) for name in asked.only)
    if asked.out is not None:
        commands.record(results, busy, None).write(asked.out)
    if asked.out == RESULTS:
        report.write()
    print(commands.summary(results))


if __name__ == "__main__":
    sys.exit(commands.ended(partial(run, asked_for(sys.argv[1:]))))
