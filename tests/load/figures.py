"""What is measured: figures with their goals and peers, and the file that keeps them."""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound from the list of goals, such as `>= 5000`."""

    sign: str  # ">=", "<=" or "<"
    bound: float

    def is_met(self, value: float) -> bool:
        """Whether `value` is on the good side."""
        if self.sign == ">=":
            return value >= self.bound
        return value < self.bound or (self.sign == "<=" and value == self.bound)

    def __str__(self) -> str:
        return f"{self.sign} {self.bound:g}"


def at_least(bound: float) -> Goal:
    """More is better."""
    return Goal(">=", bound)


def at_most(bound: float) -> Goal:
    """Less is better."""
    return Goal("<=", bound)


def below(bound: float) -> Goal:
    """Less is better, and the bound itself is too much."""
    return Goal("<", bound)


@dataclass(frozen=True, slots=True)
class Peer:
    """Whoever did the same kind of work beside us, run by run."""

    name: str
    runs: Sequence[float]


@dataclass(frozen=True, slots=True)
class Result:
    """A figure with every run behind it. `ratio` is ours over the peer's, run by run, the median."""

    name: str
    value: float
    unit: str
    goal: str | None
    met: bool | None
    peer: str | None
    peer_value: float | None
    ratio: float | None
    runs: list[float]

    @property
    def part(self) -> str:
        """The goal it belongs to: `P4`."""
        return self.name.partition(" ")[0]

    def line(self) -> str:
        """The figure as one line for a terminal."""
        goal = (
            "" if self.goal is None else f" (goal {self.goal}: {'met' if self.met else 'NOT MET'})"
        )
        peer = "" if self.peer is None else f"; {self.ratio} × {self.peer} ({self.peer_value})"
        return f"{self.name}: {self.value} {self.unit}{goal}{peer} {self.runs}"


def figure(
    name: str, unit: str, runs: Sequence[float], goal: Goal | None = None, peer: Peer | None = None
) -> Result:
    """The median of `runs`, judged by `goal`, beside `peer`."""
    value = _rounded(statistics.median(runs))
    return Result(
        name=name,
        value=value,
        unit=unit,
        goal=None if goal is None else str(goal),
        met=None if goal is None else goal.is_met(value),
        peer=None if peer is None else peer.name,
        peer_value=None if peer is None else _rounded(statistics.median(peer.runs)),
        ratio=None if peer is None else _rounded(statistics.median(_ratios(runs, peer))),
        runs=[_rounded(run) for run in runs],
    )


def beside(name: str, runs: Sequence[float], peer: Peer, goal: Goal | None = None) -> Result:
    """How many times the peer's figure ours is; here the ratio itself is what is judged."""
    judged = figure(name, "×", _ratios(runs, peer), goal)
    theirs = _rounded(statistics.median(peer.runs))
    return replace(judged, peer=peer.name, peer_value=theirs, ratio=judged.value)


def _ratios(runs: Sequence[float], peer: Peer) -> list[float]:
    return [ours / theirs for ours, theirs in zip(runs, peer.runs, strict=True)]


def _rounded(value: float) -> float:
    return round(value, 1 if abs(value) >= 10 else 2)


def percentile(seen: Sequence[float], share: float) -> float:
    """The smallest value that `share` of those seen do not exceed. Raises ValueError when none was."""
    if not seen:
        raise ValueError("nothing was seen")
    return sorted(seen)[min(int(len(seen) * share), len(seen) - 1)]


@dataclass(frozen=True, slots=True)
class Record:
    """What `benchmarks/results.json` holds, and `benchmarks/scaling.json` for each part."""

    machine: str
    date: str
    results: list[Result]

    def write(self, file: Path) -> None:
        """Write it as the one file that everything else is made from."""
        _write(file, asdict(self))


def read(file: Path) -> Record:
    """What was written. Raises OSError, ValueError, KeyError or TypeError when it is none of ours."""
    return _record(json.loads(file.read_text("utf-8")))


def write_parts(file: Path, parts: Mapping[str, Record]) -> None:
    """Write records of parts that may have been measured on other days."""
    _write(file, {name: asdict(record) for name, record in parts.items()})


def read_parts(file: Path) -> dict[str, Record]:
    """The same again: part → record. Raises as `read`, and AttributeError."""
    found = json.loads(file.read_text("utf-8"))
    return {name: _record(record) for name, record in found.items()}


def _write(file: Path, contents: dict[str, Any]) -> None:
    file.parent.mkdir(exist_ok=True)
    written = json.dumps(contents, ensure_ascii=False, indent=1)
    file.write_text(f"{written}\n", "utf-8")


def _record(found: dict[str, Any]) -> Record:
    results = [Result(**result) for result in found["results"]]
    return Record(found["machine"], found["date"], results)
