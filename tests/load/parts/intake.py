"""P1: webhooks whose row is committed before the 200; the door's process alone.

Beside it two doors that do less: one INSERT and commit a request, and nothing stored at all.
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.embedded.servers.ports import free_port
from tests.load.figures import Peer, Result, at_least, below, beside, figure, percentile
from tests.load.generator import Outcome, a_dm, post_all
from tests.load.parts import Shape
from tests.load.peers import Program, serving
from tests.load.system import Layout, System, Void, separate_processes

_FANS = 2_000
_HALF = 2_500  # a second: half of the goal


def measure(shape: Shape) -> list[Result]:
    """Rate and tail of the door, beside the others run by run."""
    count = shape.of(10_000, 500)
    rates: list[float] = []
    tails: list[float] = []
    costs: list[float] = []
    others: dict[str, list[float]] = {"insert": [], "nothing": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        layout = Layout(roles=[("douyin", "api")])
        with (
            separate_processes(folder, layout) as system,
            _door(folder, system, "insert") as insert,
            _door(folder, system, "nothing") as nothing,
        ):
            for run in range(shape.runs):
                before = system.cpu()["douyin-api"]
                rates.append(_ours(system, f"p1-{run}", count, None)[0])
                costs.append((system.cpu()["douyin-api"] - before) / count * 1e6)
                calm = _ours(system, f"p1h-{run}", count // 2, _HALF)[1]
                tails.append(percentile(calm.latencies(), 0.99))
                for kind, port in (("insert", insert), ("nothing", nothing)):
                    others[kind].append(_theirs(port, f"{kind}-{run}", count // 2))
            stored = system.sql("SELECT count(*) FROM public.peer_inbound")[0][0]
            if stored != shape.runs * (count // 2):
                raise Void("the door that inserts one by one did not store everything")
    return [
        figure("P1 intake, durable", "webhooks/s", rates, at_least(5_000), _peer("insert", others)),
        beside("P1 beside a door that stores nothing", rates, _peer("nothing", others)),
        figure(f"P1 intake, p99 at {_HALF}/s", "ms", tails, below(50)),
        figure("P1 CPU of the door", "µs/webhook", costs),
    ]


def _peer(kind: str, others: dict[str, list[float]]) -> Peer:
    names = {
        "insert": "bare ASGI, one INSERT and commit a request",
        "nothing": "bare ASGI, nothing stored",
    }
    return Peer(names[kind], others[kind])


def _ours(system: System, run: str, count: int, rate: float | None) -> tuple[float, Outcome]:
    before = _stored(system)
    outcome = _posted(system.door, run, count, rate)
    if _stored(system) - before != count:
        raise Void("not every acknowledged webhook is stored")
    return count / outcome.seconds, outcome


def _theirs(port: int, run: str, count: int) -> float:
    return count / _posted(port, run, count, None).seconds


def _posted(port: int, run: str, count: int, rate: float | None) -> Outcome:
    dms = [a_dm(run, number, _FANS) for number in range(count)]
    outcome = post_all(port, dms, rate=rate, connections=64)
    if len(outcome.acknowledged) != count:
        raise Void(f"a door refused webhooks: {set(outcome.refused.values())}")
    return outcome


def _stored(system: System) -> int:
    return int(system.sql("SELECT count(*) FROM douyin.inbound")[0][0])


@contextmanager
def _door(folder: Path, system: System, kind: str) -> Iterator[int]:
    port = free_port()
    words = [sys.executable, "-m", "tests.load.peers.doors", kind, str(port)]
    environment = {"DATABASE_URL": system.database_url}
    with serving(Program(words, port, environment), folder / f"door-{kind}.log"):
        yield port
