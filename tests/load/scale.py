"""`make bench-scale`: how far one machine goes, and what grows with what.

More worker processes a lane, few and many conversations, a backlog of a million events, a history of
ten million messages. It may take two hours; `--only` measures a part, and the other parts keep the
figures that they have. Writes `benchmarks/scaling.json` and the figures of `docs/scaling.md`; a wrong
result voids the run.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from services.embedded.servers import CannotStart
from tests.load import commands, report
from tests.load.figures import Record, Result, read_parts, write_parts
from tests.load.scaling import NAMES, SHORT, Scale
from tests.load.scaling.backlog import backlog
from tests.load.scaling.breadth import conversations, workers
from tests.load.scaling.history import history

RESULTS = Path("benchmarks/scaling.json")
_DISK, _MEMORY = 3 << 30, 4 << 30
# Bytes, with a little to spare. On disk: an event and its answer are two messages, tables that empty stay as long
# as they were, and the simulator keeps a record. In memory: what the simulator and the benchmark know of each.
_OF_MESSAGE, _OF_EVENT, _OF_EVENT_IN_MEMORY = 5_700, 16_000, 5_000

PARTS: dict[str, Callable[[Scale], list[Result]]] = dict(
    zip(NAMES, (workers, conversations, backlog, history), strict=True)
)


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
    is_whole = scale == Scale()
    return Asked(only, scale, given.out or (RESULTS if is_whole else None))


def run(asked: Asked) -> None:
    """Measure, tell, and write. Raises Void, CannotStart."""
    before = kept(asked.out)
    commands.require_room(*room(asked))
    busy = commands.others_share()
    found = {}
    for name in asked.only:
        results = commands.take([partial(PARTS[name], asked.scale)])
        found[name] = commands.record(results, busy, None)
    if asked.out is not None:
        write_parts(asked.out, merged(before, found))
    if asked.out == RESULTS:
        report.write()
    print(commands.summary([result for record in found.values() for result in record.results]))


def room(asked: Asked) -> tuple[int, int]:
    """Bytes of disk and of memory that the largest part asked for needs."""
    waiting = asked.scale.backlog if "backlog" in asked.only else 0
    stored = asked.scale.stored if "history" in asked.only else 0
    disk = max(waiting * _OF_EVENT, stored * _OF_MESSAGE)
    return _DISK + disk, _MEMORY + waiting * _OF_EVENT_IN_MEMORY


def kept(out: Path | None) -> dict[str, Record]:
    """The figures that stand there from before. Raises CannotStart when something else does."""
    if out is None or not out.exists():
        return {}
    try:
        return read_parts(out)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
        sentence = f"{out} holds something else than figures of this command: name another file."
        raise CannotStart(sentence, exit_code=2) from problem


def merged(before: Mapping[str, Record], found: Mapping[str, Record]) -> dict[str, Record]:
    """The newest figures of each part, in the order of the parts."""
    both = {**before, **found}
    return {name: both[name] for name in PARTS if name in both}


if __name__ == "__main__":
    sys.exit(commands.ended(partial(run, asked_for(sys.argv[1:]))))
