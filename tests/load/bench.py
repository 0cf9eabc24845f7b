"""`make bench`: first honest figures of intake, whole path, latency and idle cost.

Everything runs on this machine: real servers with fsync on, the simulator, and this generator.
A figure counts only if the simulator's record agrees: one accepted reply for every message.
"""

import asyncio
import datetime as dt
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import asyncpg

from services.embedded.servers.ports import answers_ok, free_port
from tests.load.generator import Dm, Outcome, a_dm, post_all
from tests.load.system import System, separate_processes, until

RUNS = 5
RULES = 1_000
FANS = 2_000
SERVERS = {"simulator", "postgresql", "valkey"}
RESULTS = Path("benchmarks/results.json")


@dataclass(frozen=True)
class Result:
    """A figure, its goal (performance P1…P11), and every run behind it."""

    name: str
    value: float
    unit: str
    goal: str
    met: bool
    runs: list[float]


def _result(
    name: str, unit: str, runs: list[float], goal: str, good: Callable[[float], bool]
) -> Result:
    value = round(statistics.median(runs), 1)
    return Result(name, value, unit, goal, good(value), [round(run, 1) for run in runs])


def _percentile(latencies: list[float], share: float) -> float:
    """Milliseconds."""
    return sorted(latencies)[int(len(latencies) * share)] * 1000


async def _stored(url: str) -> int:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        return int(await connection.fetchval("SELECT count(*) FROM douyin.inbound"))
    finally:
        await connection.close()


def intake(count: int) -> list[Result]:
    """P1: webhooks whose row is committed before the 200; the door's process alone."""
    rates, tails = [], []
    door_only = [("douyin", "api")]
    with (
        tempfile.TemporaryDirectory() as folder,
        separate_processes(Path(folder), door_only) as system,
    ):
        for run in range(RUNS):
            dms = [a_dm(f"p1-{run}", n, FANS) for n in range(count)]
            before, began = asyncio.run(_stored(system.database_url)), time.monotonic()
            asyncio.run(post_all(system.door, dms, rate=None, connections=64))
            rates.append(count / (time.monotonic() - began))
            if asyncio.run(_stored(system.database_url)) - before != count:
                raise SystemExit("void: not every acknowledged webhook is stored")
            half = [a_dm(f"p1h-{run}", n, FANS) for n in range(count // 2)]
            calm = asyncio.run(post_all(system.door, half, rate=2_500, connections=64))
            tails.append(_percentile(calm.latencies(), 0.99))
    return [
        _result("P1 intake, durable", "webhooks/s", rates, ">= 5000", lambda v: v >= 5000),
        _result("P1 intake, p99 at 2500/s", "ms", tails, "< 50", lambda v: v < 50),
    ]


def _check(system: System, dms: list[Dm], after: int) -> dict[str, float]:
    """Message id → when its reply was accepted; ends the run unless each has exactly one."""
    run = dms[0].message_id.partition("-m")[0] + "-m"
    found = [m for m in system.sent(after) if m["reply_to_msg_id"].startswith(run)]
    replies = {m["reply_to_msg_id"]: m["accepted_at_ms"] / 1000 for m in found}
    if len(found) != len(dms) or replies.keys() != {d.message_id for d in dms}:
        raise SystemExit(f"void: {len(found)} replies to {len(replies)} of {len(dms)} messages")
    return replies


def _run(
    system: System, name: str, count: int, rate: float | None
) -> tuple[Outcome, dict[str, float], float]:
    dms = [a_dm(name, n, FANS) for n in range(count)]
    system.register(dms)
    after, began = system.accepted(), time.monotonic()
    outcome = asyncio.run(post_all(system.door, dms, rate=rate, connections=64))
    if outcome.refused:
        answers = dict(Counter(outcome.refused.values()))
        raise SystemExit(f"void: the door refused messages: {answers}")
    asyncio.run(until(after + count, system.accepted, 120))
    took = time.monotonic() - began
    return outcome, _check(system, dms, after), took


def _replies_after(outcome: Outcome, replies: dict[str, float]) -> list[float]:
    return [replies[i] - before for i, (before, _) in outcome.acknowledged.items()]


def whole_path(count: int) -> list[Result]:
    """P2 and P3: signed webhook in, reply accepted by the platform, echo handled."""
    rates: list[float] = []
    own: list[float] = []
    middles: dict[int, list[float]] = {500: [], 1000: []}
    tails: dict[int, list[float]] = {500: [], 1000: []}
    with (
        tempfile.TemporaryDirectory() as folder,
        separate_processes(Path(folder), rules=RULES) as system,
    ):
        _run(system, "w0", 1_000, 200)  # warm: imports, plans, connections
        for run in range(RUNS):
            before = system.cpu()
            rates.append(count / _run(system, f"p{run}", count, None)[2])
            time.sleep(2)  # the echoes
            used = {name: spent - before[name] for name, spent in system.cpu().items()}
            own.append(sum(v for k, v in used.items() if k not in SERVERS) / count * 1e6)
            print(
                "  CPU µs per DM:", {k: round(v / count * 1e6) for k, v in used.items()}, flush=True
            )
            for rate, seen in middles.items():
                outcome, replies, _ = _run(system, f"l{rate % 997}{run}", rate * 5, rate)
                latencies = _replies_after(outcome, replies)
                seen.append(_percentile(latencies, 0.5))
                tails[rate].append(_percentile(latencies, 0.99))
    return [
        _result("P2 DM end to end", "DM/s", rates, ">= 1500", lambda v: v >= 1500),
        _result("P2 CPU of our processes", "µs/DM", own, "<= 600", lambda v: v <= 600),
        _result("P3 p50 at 500/s", "ms", middles[500], "< 40", lambda v: v < 40),
        _result("P3 p99 at 500/s", "ms", tails[500], "< 250", lambda v: v < 250),
        _result("P3 p50 at 1000/s", "ms", middles[1000], "< 80", lambda v: v < 80),
        _result("P3 p99 at 1000/s", "ms", tails[1000], "< 500", lambda v: v < 500),
    ]


def idle() -> list[Result]:
    """P11: embedded mode at rest, and how fast it starts the second time."""
    starts, shares, sizes = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for run in range(RUNS + 1):
            port, simulator = free_port(), free_port()
            places = {
                "SIYU_DATA_DIR": folder,
                "SIYU_PORT": str(port),
                "SIYU_SIMULATOR_PORT": str(simulator),
            }
            began = time.monotonic()
            words = [sys.executable, "-m", "services.embedded", "up"]
            up = subprocess.Popen(words, env=os.environ | places, stdout=subprocess.DEVNULL)
            while not answers_ok("127.0.0.1", port):
                if up.poll() is not None or time.monotonic() - began > 120:
                    raise SystemExit("void: embedded mode did not start")
                time.sleep(0.02)
            if run:
                starts.append(time.monotonic() - began)
                system = System(port, simulator, "", {"up": up.pid})
                time.sleep(3)
                before = system.cpu()["up"]
                time.sleep(10)
                shares.append((system.cpu()["up"] - before) / 10 * 100)
                sizes.append(system.memory() / 1e6)
            up.terminate()
            up.wait()
    return [
        _result("P11 second start", "s", starts, "< 10", lambda v: v < 10),
        _result("P11 idle", "% of one core", shares, "< 2", lambda v: v < 2),
        _result("P11 memory", "MB", sizes, "< 500", lambda v: v < 500),
    ]


def main() -> int:
    """Take every figure, print and write them; 1 when a figure is below a third of its goal."""
    results = []
    parts: list[Callable[[], list[Result]]] = [
        lambda: intake(10_000),
        lambda: whole_path(5_000),
        idle,
    ]
    for part in parts:
        for result in part():
            mark = "met" if result.met else "not met"
            print(
                f"{result.name}: {result.value} {result.unit} (goal {result.goal}: {mark}) {result.runs}",
                flush=True,
            )
            results.append(result)
    RESULTS.parent.mkdir(exist_ok=True)
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    written = {
        "machine": machine,
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "results": [asdict(result) for result in results],
    }
    RESULTS.write_text(json.dumps(written, ensure_ascii=False, indent=1) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
