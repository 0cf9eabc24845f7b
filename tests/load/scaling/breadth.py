"""The same load with more worker processes a lane, and over few and many conversations."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tests.load.figures import Result, figure, percentile
from tests.load.path import Load, ride
from tests.load.scaling import RULES, Scale
from tests.load.scaling.crowd import follow, require_no_limit
from tests.load.system import SERVERS, Layout, System, separate_processes

_RATE = 500  # a second, for latencies
_SECONDS = 5


def workers(scale: Scale) -> list[Result]:
    """1, 2, 4 processes of each worker: rate, latency, memory."""
    results = []
    for copies in scale.workers:
        layout = Layout(rules=RULES, copies=copies)
        with tempfile.TemporaryDirectory() as folder, separate_processes(Path(folder), layout) as s:
            ride(s, Load("warm", scale.messages // 5))  # nobody is new to a process any more
            load = Load("w", scale.messages)
            results += _measured(s, load, scale.runs, f"Workers {copies} a lane")
            ours = [size for name, size in s.memory().items() if name not in SERVERS]
            results.append(figure(f"Workers {copies} a lane: memory", "MB", [sum(ours) / 1e6]))
    return results


def conversations(scale: Scale) -> list[Result]:
    """Few and many fans, who follow: few must wait for each other's turn, many are rows."""
    results = []
    for fans in scale.conversations:
        layout = Layout(rules=RULES, limits=False)
        with tempfile.TemporaryDirectory() as folder, separate_processes(Path(folder), layout) as s:
            crowd = f"of-{fans}"
            follow(s, crowd, fans)
            warm = Load("warm", max(fans, scale.messages // 5), None, fans, crowd, writes_on=True)
            ride(s, warm)
            require_no_limit(s, crowd, fans)
            load = replace(warm, name="c", messages=scale.messages)
            results += _measured(s, load, scale.runs, f"Conversations {fans:,}")
            require_no_limit(s, crowd, fans)
    return results


def _measured(system: System, load: Load, runs: int, name: str) -> list[Result]:
    rates, tails = [], []
    for run in range(runs):
        ridden = ride(system, load.again(f"{load.name}{run}"))
        rates.append(load.messages / ridden.reply_seconds)
        calm = load.again(f"{load.name}l{run}", min(_RATE * _SECONDS, load.messages), _RATE)
        tails.append(_tail(system, calm))
    return [
        figure(f"{name}: DM end to end", "DM/s", rates),
        figure(f"{name}: p50 at {_RATE}/s", "ms", [middle for middle, _ in tails]),
        figure(f"{name}: p99 at {_RATE}/s", "ms", [tail for _, tail in tails]),
    ]


def _tail(system: System, load: Load) -> Sequence[float]:
    latencies = ride(system, load).latencies()
    return percentile(latencies, 0.5), percentile(latencies, 0.99)
