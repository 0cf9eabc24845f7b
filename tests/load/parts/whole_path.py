"""P2 and P3: signed webhook in, reply accepted by the platform, everything settled, echo handled."""

import tempfile
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.load.bots import bots
from tests.load.figures import Peer, Result, at_least, at_most, below, beside, figure, percentile
from tests.load.parts import Shape
from tests.load.path import STAGES, Load, ride, stage_latencies
from tests.load.system import SERVERS, Layout, System, separate_processes

_RULES = 1_000
_SECONDS = 5  # at each rate
_GOALS = {500: (40, 250), 1_000: (80, 500)}  # messages a second → p50, p99 in ms
# What each process does for a message; whatever else runs is counted together.
_DOES = {
    "douyin-api": "door",
    "direct_messages-worker": "decide",
    "quota-api": "reserve",
    "douyin-worker": "send, settle, echo",
    "quota-worker": "commit quota",
}
_REST = "other processes of ours"


@dataclass(slots=True)
class _Seen:
    """What the runs gave, by name."""

    to_reply: list[float] = field(default_factory=list)
    to_rest: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)
    cpu: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    latencies: defaultdict[tuple[int, float], list[float]] = field(
        default_factory=lambda: defaultdict(list)
    )
    stages: list[list[float]] = field(default_factory=list)
    werobot: list[float] = field(default_factory=list)
    aiogram: list[float] = field(default_factory=list)


def measure(shape: Shape) -> list[Result]:
    """Rate, CPU by process, latencies, and where the time of a message goes."""
    seen = _Seen()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        system = stack.enter_context(separate_processes(folder, Layout(rules=_RULES)))
        others = stack.enter_context(bots(folder, shape.peers, _RULES)) if shape.peers else None
        # imports, plans, connections
        ride(system, Load("w0", shape.of(1_000, 50), shape.of(200, 50)))
        for run in range(shape.runs):
            _throughput(system, Load(f"p{run}", shape.of(5_000, 200)), seen)
            for rate in _GOALS:
                _latency(system, Load(f"l{rate}x{run}", shape.of(_SECONDS * rate, 100), rate), seen)
            if others is not None:
                seen.werobot.append(others.werobot(shape.of(3_000, 200)))
                seen.aiogram.append(others.aiogram(shape.of(1_500, 100)))
    return _results(seen)


def _throughput(system: System, load: Load, seen: _Seen) -> None:
    ridden = ride(system, load)
    seen.to_reply.append(load.messages / ridden.reply_seconds)
    seen.to_rest.append(load.messages / ridden.rest_seconds)
    spent: defaultdict[str, float] = defaultdict(float)
    for name, seconds in ridden.cpu.items():
        used = seconds / load.messages * 1e6
        spent[name if name in SERVERS else _DOES.get(name, _REST)] += used
    seen.own.append(sum(used for name, used in spent.items() if name not in SERVERS))
    spent["load generator"] = ridden.outcome.cpu / load.messages * 1e6
    for name, used in spent.items():
        seen.cpu[name].append(used)


def _latency(system: System, load: Load, seen: _Seen) -> None:
    rate = int(load.rate or 0)
    ridden = ride(system, load)
    for share in (0.5, 0.99):
        seen.latencies[rate, share].append(percentile(ridden.latencies(), share))
    if rate == min(_GOALS):
        seen.stages.append(stage_latencies(system, ridden))


def _results(seen: _Seen) -> list[Result]:
    results = [
        figure("P2 DM end to end", "DM/s", seen.to_reply, at_least(1_500), _werobot(seen)),
        figure("P2 DM to rest: settled, echoed, acknowledged", "DM/s", seen.to_rest),
        figure("P2 CPU of our processes", "µs/DM", seen.own, at_most(600)),
        *(figure(f"P2 CPU: {name}", "µs/DM", runs) for name, runs in seen.cpu.items()),
    ]
    if seen.werobot:
        aiogram = Peer("aiogram, 10 rules, one core", seen.aiogram)
        werobot, runs = _werobot(seen), seen.to_reply
        assert werobot is not None
        results += [
            beside("P2 beside WeRoBot", runs, werobot, at_least(1.6)),
            beside("P2 beside aiogram", runs, aiogram, at_least(2.5)),
        ]
    for rate, (middle, tail) in _GOALS.items():
        p50, p99 = seen.latencies[rate, 0.5], seen.latencies[rate, 0.99]
        results.append(figure(f"P3 p50 at {rate}/s", "ms", p50, below(middle)))
        results.append(figure(f"P3 p99 at {rate}/s", "ms", p99, below(tail)))
    by_stage = zip(*seen.stages, strict=True)
    return results + [
        figure(f"P3 stage at {min(_GOALS)}/s: {stage}", "ms", spent)
        for stage, spent in zip(STAGES, by_stage, strict=True)
    ]


def _werobot(seen: _Seen) -> Peer | None:
    name = f"WeRoBot, granian, {_RULES:,} rules, one core"
    return Peer(name, seen.werobot) if seen.werobot else None
