"""The fault lab: `python -m tests.faults`, `--only F12 --seed 7`, `--shape full`, `--list`."""

import argparse
import asyncio
import random
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from services.embedded.servers import CannotStart
from services.embedded.servers.ports import require_free
from shared.observability import configure_logs
from tests.faults.report import Report
from tests.faults.running import Run, say
from tests.faults.scenarios import SCENARIOS
from tests.faults.shapes import SHAPES, Shape, shape_of

CANNOT_RUN = 3


def main(arguments: Sequence[str]) -> int:
    """0: every promise held. 1: one was broken. 2: a fault was not seen, or wrong options. 3: it cannot run here."""
    asked = _parser().parse_args(arguments)
    if asked.list:
        for scenario in SCENARIOS.values():
            print(f"{scenario.name:<4} {scenario.title}")
        return 0
    shape = shape_of(asked.shape, asked.only, asked.minutes)
    seed = random.SystemRandom().randrange(1_000_000) if asked.seed is None else asked.seed
    try:
        require_room(shape, asked.keep or Path(tempfile.gettempdir()))
        if asked.port:
            require_free("127.0.0.1", asked.port, "--port")
        say(f"seed     {seed}, {shape.name}")
        with tempfile.TemporaryDirectory(prefix="siyu-faults-") as folder:
            report = asyncio.run(
                _run(Run(asked.keep or Path(folder), shape, seed, port=asked.port))
            )
    except (CannotStart, KeyboardInterrupt, asyncio.CancelledError) as problem:
        print(str(problem) or "Stopped; nothing is left running.", file=sys.stderr)
        return CANNOT_RUN
    for line in report.lines():
        say(line)
    return report.exit_status


async def _run(run: Run) -> Report:
    """Play; SIGTERM stops it as Ctrl-C does."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await run.play()


def require_room(shape: Shape, folder: Path) -> None:
    """Raise CannotStart, in one sentence, when this machine is too small for the run."""
    where = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    free = shutil.disk_usage(where).free
    if free < shape.disk:
        raise CannotStart(
            f"The {shape.name} run needs {shape.disk / 2**30:.1f} GB of disk at {where},"
            f" and {free / 2**30:.1f} GB are free."
        )
    available = _available()
    if available is not None and available < shape.memory:
        raise CannotStart(
            f"The {shape.name} run needs {shape.memory / 2**30:.1f} GB of memory,"
            f" and {available / 2**30:.1f} GB are available."
        )


def _available() -> int | None:
    """Bytes of memory that may be taken, where the machine says so."""
    facts = Path("/proc/meminfo")
    if not facts.exists():
        return None
    lines = dict(line.split(":", 1) for line in facts.read_text().splitlines())
    return int(lines["MemAvailable"].split()[0]) * 1024


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument(
        "--shape", choices=SHAPES, help="how long and how hard; without --only it is the short one"
    )
    parser.add_argument(
        "--only",
        action="append",
        choices=SCENARIOS,
        metavar="F",
        help="this fault; may be repeated. With --shape, its storm follows",
    )
    parser.add_argument("--list", action="store_true", help="name every fault")
    parser.add_argument("--minutes", type=_minutes, help="end the storm then, whatever it has seen")
    parser.add_argument("--seed", type=_seed, help="replay the run of this seed")
    parser.add_argument("--port", type=_port, default=0, help="where the platform is to be seen")
    parser.add_argument("--keep", type=Path, help="keep data and logs here")
    return parser


def _minutes(text: str) -> float:
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError("minutes are a number from 1")
    return float(text)


def _port(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) < 2**16:
        raise argparse.ArgumentTypeError("a port is a number from 1 to 65535")
    return int(text)


def _seed(text: str) -> int:
    seed = int(text)
    if not 0 <= seed < 2**31:
        raise argparse.ArgumentTypeError("a seed is a number from 0 to 2147483647")
    return seed


if __name__ == "__main__":
    configure_logs("warning", "faults")
    sys.exit(main(sys.argv[1:]))
