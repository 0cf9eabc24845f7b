"""P12: a million stored events wait when the workers start; fans go on writing meanwhile."""

import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis

from tests.load.figures import Result, at_least, below, figure, percentile
from tests.load.generator import Dm, Outcome, a_dm, a_fan, post_all
from tests.load.path import require_taken, until_accepted
from tests.load.scaling import RULES, Scale
from tests.load.scaling.disk import used
from tests.load.system import EVERY_ROLE, SERVERS, Layout, System, Void, separate_processes

_AT_ONCE = 20_000  # messages made and registered at a time
_LIVE_RATE = 20.0  # a second, while the backlog drains
_SLOWEST = 100  # a second; below it the run is given up
_REST = "SELECT count(*) FROM douyin.outbox"
_EACH = 4  # messages of a fan


def backlog(scale: Scale) -> list[Result]:
    """Drain rate, latency of what is written meanwhile, memory of ours and of Valkey, disk."""
    count = scale.backlog
    layout = Layout(roles=[r for r in EVERY_ROLE if r[1] == "api"], rules=RULES, limits=False)
    with (
        tempfile.TemporaryDirectory() as folder,
        separate_processes(Path(folder), layout) as system,
    ):
        before = used(system, Path(folder))
        _fill(system, count)
        waiting = int(system.sql(_REST)[0][0])
        if waiting < count:
            raise Void(f"{waiting} of {count} events wait")
        held = used(system, Path(folder)) - before
        with _watched(system) as seen:
            began = time.monotonic()
            workers = [r for r in EVERY_ROLE if r[1] == "worker"]
            system.start(Layout(roles=workers))
            live = _live_until(system, lambda: system.accepted() >= count, count / _SLOWEST)
            until_accepted(system, count + len(live.acknowledged), 120)
            took = time.monotonic() - began
        lies = used(system, Path(folder)) - before
        latencies = checked(system.sent(), count, live)
    name = f"P12 backlog of {count:,}"
    return [
        figure(f"{name}: drained", "events/s", [count / took], at_least(1_000)),
        figure(f"{name}: live p95", "ms", [percentile(latencies, 0.95)], below(3_000)),
        figure(f"{name}: live p50", "ms", [percentile(latencies, 0.5)]),
        *_of_memory(name, seen),
        figure(f"{name}: disk of an event that waits", "kB", [held / count / 1e3]),
        figure(f"{name}: disk of an event when it is answered", "kB", [lies / count / 1e3]),
    ]


def _of_memory(name: str, seen: "_Watched") -> list[Result]:
    ours = [sum(v for k, v in m.items() if k not in SERVERS) / 1e6 for m in seen.memory]
    quarter = max(len(ours) // 4, 1)
    grown = _mean(ours[-quarter:]) / _mean(ours[quarter : 2 * quarter] or ours)
    return [
        figure(f"{name}: Valkey", "MB", [max(seen.valkey) / 1e6], below(64)),
        figure(f"{name}: memory of our processes", "MB", [max(ours)]),
        figure(f"{name}: memory, last quarter over second", "×", [grown], below(1.1)),
    ]


def _fill(system: System, count: int) -> None:
    for start in range(0, count, _AT_ONCE):
        numbers = range(start, min(start + _AT_ONCE, count))
        dms = [a_dm("b", number, _fans(count)) for number in numbers]
        system.register(dms)
        require_taken(post_all(system.door, dms, rate=None, connections=64))


def _fans(count: int) -> int:
    return max(count // _EACH, 1)


def _live_until(system: System, is_over: Callable[[], bool], patience: float) -> Outcome:
    """What fans wrote at a steady rate until it was over."""
    written, deadline, part = Outcome(), time.monotonic() + patience + 60, 0
    while not is_over() or not written.acknowledged:
        if time.monotonic() > deadline:
            raise Void(f"the backlog did not drain within {patience + 60:.0f} s")
        dms: list[Dm] = [a_dm(f"live{part}", number, 100) for number in range(100)]
        system.register(dms)
        outcome = post_all(system.door, dms, rate=_LIVE_RATE, connections=8)
        require_taken(outcome)
        written.acknowledged |= outcome.acknowledged
        part += 1
    return written


def checked(sent: Iterable[Mapping[str, Any]], count: int, live: Outcome) -> list[float]:
    """Live latencies in milliseconds. Raises Void unless everything was answered exactly once.

    Of those who waited with several messages the replies are counted: under which message of a fan
    each stands is decided when it leaves.
    """
    waited = Counter(a_fan("b", number % _fans(count)) for number in range(count))
    latencies: dict[str, float] = {}
    for m in sent:
        message, fan = m["reply_to_msg_id"], m["to_user_id"]
        if fan in waited:
            waited[fan] -= 1
        elif message in latencies or message not in live.acknowledged:
            raise Void(f"a reply that nobody is owed, to {message}")
        else:
            latencies[message] = m["accepted_at_ms"] - live.acknowledged[message][0] * 1000
    wrong, silent = sum(map(bool, waited.values())), len(live.acknowledged) - len(latencies)
    if wrong or silent:
        raise Void(
            f"{wrong} who waited have more or fewer replies, {silent} live messages have none"
        )
    return list(latencies.values())


@dataclass(slots=True)
class _Watched:
    """What was seen every few seconds."""

    memory: list[dict[str, int]] = field(default_factory=list)
    valkey: list[int] = field(default_factory=list)


@contextmanager
def _watched(system: System) -> Iterator[_Watched]:
    seen, over = _Watched(), threading.Event()
    carrier = redis.Redis.from_url(system.redis_url)

    def look() -> None:
        while True:
            seen.memory.append(system.memory())
            told: Any = carrier.info("memory")
            seen.valkey.append(int(told["used_memory"]))
            if over.wait(2):
                return

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()
        carrier.close()


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
