"""The part of PromQL that our rules and dashboards use: read it, name what it asks for, evaluate it.

No extrapolation and no staleness as in Prometheus: enough to see a rule fire, and which names it uses.
"""

import itertools
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?)(?![smhd\w])|(?P<span>\d+[smhd])|(?P<name>[a-zA-Z_:][\w:]*)"
    r'|(?P<text>"[^"]*")|(?P<sign>=~|!=|>=|<=|==|[-+*/<>=(){}\[\],]))'
)
AGGREGATES: dict[str, Callable[[list[float]], float]] = {"sum": sum, "max": max, "min": min}
RANGES = {"rate", "increase", "changes"}
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
}
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

Labels = tuple[tuple[str, str], ...]
Vector = dict[Labels, float]


@dataclass
class Node:
    """A piece of an expression: what it is, its parts, and the labels it names."""

    kind: str
    name: str = ""
    parts: list["Node"] = field(default_factory=list)
    labels: list[tuple[str, str, str]] = field(default_factory=list)  # matchers, or `by`
    number: float = 0.0  # a literal, or the seconds of a range

    def walk(self) -> Iterator["Node"]:
        """This and everything below."""
        yield self
        for part in self.parts:
            yield from part.walk()


class Reader:
    """Reads an expression by recursive descent. Raises ValueError where it is none of ours."""

    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        at = 0
        while text[at:].strip():
            found = TOKEN.match(text, at)
            if found is None:
                raise ValueError(f"not understood: {text[at:]}")
            self._tokens.append((str(found.lastgroup), found[found.lastgroup or 0]))
            at = found.end()

    def read(self) -> Node:
        """The whole expression."""
        node = self._compared()
        if self._tokens:
            raise ValueError(f"left over: {self._tokens}")
        return node

    def _next(self) -> tuple[str, str]:
        return self._tokens[0] if self._tokens else ("end", "")

    def _take(self, wanted: str = "") -> str:
        _, word = self._tokens.pop(0) if self._tokens else ("end", "")
        if wanted and word != wanted:
            raise ValueError(f"{word!r} where {wanted!r} belongs")
        return word

    def _compared(self) -> Node:
        left = self._divided()
        while self._next()[1] in COMPARISONS:
            left = Node("compare", self._take(), [left, self._divided()])
        return left

    def _divided(self) -> Node:
        left = self._atom()
        while self._next()[1] in {"/", "*"}:
            left = Node("arithmetic", self._take(), [left, self._atom()])
        return left

    def _atom(self) -> Node:
        kind, word = self._next()
        if kind == "number":
            return Node("number", number=float(self._take()))
        if kind != "name":
            raise ValueError(f"{word!r} begins no expression")
        self._take()
        if word in AGGREGATES:
            by = self._by() if self._next()[1] == "by" else []
            self._take("(")
            node = Node("aggregate", word, [self._compared()], by)
            self._take(")")
            return node
        return self._called(word) if self._next()[1] == "(" else self._selected(word)

    def _by(self) -> list[tuple[str, str, str]]:
        self._take("by")
        self._take("(")
        names = []
        while self._next()[1] != ")":
            names.append((self._take(), "by", ""))
            if self._next()[1] == ",":
                self._take()
        self._take(")")
        return names

    def _called(self, name: str) -> Node:
        if name not in RANGES | {"absent", "histogram_quantile"}:
            raise ValueError(f"no function {name}")
        self._take("(")
        parts = [self._compared()]
        while self._next()[1] == ",":
            self._take()
            parts.append(self._compared())
        self._take(")")
        return Node("call", name, parts)

    def _selected(self, name: str) -> Node:
        node = Node("select", name)
        if self._next()[1] == "{":
            self._take()
            while self._next()[1] != "}":
                label, how, value = self._take(), self._take(), self._take().strip('"')
                node.labels.append((label, how, value))
                if self._next()[1] == ",":
                    self._take()
            self._take()
        if self._next()[1] == "[":
            self._take()
            span = self._take()
            node.number = float(span[:-1]) * SECONDS[span[-1]]
            self._take("]")
        return node


class Series:
    """What was scraped: samples of named series over time."""

    def __init__(self) -> None:
        self._samples: defaultdict[tuple[str, Labels], list[tuple[float, float]]] = defaultdict(
            list
        )

    def add(self, at: float, name: str, value: float, labels: Mapping[str, str]) -> None:
        """One sample."""
        self._samples[name, tuple(sorted(labels.items()))].append((at, value))

    def evaluate(self, node: Node, at: float) -> Any:
        """A number, or a vector: labels → value."""
        match node.kind:
            case "number":
                return node.number
            case "select":
                return {k: values[-1] for k, values in self._within(node, at, 300).items()}
            case "aggregate":
                return self._aggregated(node, at)
            case "call":
                return self._called(node, at)
        left, right = (self.evaluate(part, at) for part in node.parts)
        if node.kind == "compare":
            holds = COMPARISONS[node.name]
            return {labels: value for labels, value in left.items() if holds(value, right)}
        over: Vector = right if isinstance(right, dict) else dict.fromkeys(left, right)
        return {k: v / over[k] for k, v in left.items() if over.get(k)}

    def _within(self, node: Node, at: float, seconds: float) -> dict[Labels, list[float]]:
        found: dict[Labels, list[float]] = {}
        for (name, labels), samples in self._samples.items():
            if name != node.name or not all(_matches(dict(labels), *m) for m in node.labels):
                continue
            values = [value for when, value in samples if at - seconds <= when <= at]
            if values:
                found[labels] = values
        return found

    def _aggregated(self, node: Node, at: float) -> Vector:
        groups: defaultdict[Labels, list[float]] = defaultdict(list)
        wanted = {name for name, _, _ in node.labels}
        for labels, value in self.evaluate(node.parts[0], at).items():
            groups[tuple(pair for pair in labels if pair[0] in wanted)].append(value)
        return {labels: AGGREGATES[node.name](values) for labels, values in groups.items()}

    def _called(self, node: Node, at: float) -> Vector:
        asked = node.parts[-1]
        if node.name == "absent":
            return {} if self.evaluate(asked, at) else {(): 1.0}
        if node.name == "histogram_quantile":
            return _quantiles(node.parts[0].number, self.evaluate(asked, at))
        ranges = self._within(asked, at, asked.number)
        if node.name == "changes":
            return {k: float(sum(a != b for a, b in _pairs(v))) for k, v in ranges.items()}
        grown = {k: sum(max(b - a, 0.0) for a, b in _pairs(v)) for k, v in ranges.items()}
        return {k: g / (asked.number if node.name == "rate" else 1) for k, g in grown.items()}


def _pairs(values: list[float]) -> Iterator[tuple[float, float]]:
    return itertools.pairwise(values)


def _matches(labels: Mapping[str, str], name: str, how: str, value: str) -> bool:
    has = labels.get(name, "")
    return bool(re.fullmatch(value, has)) if how == "=~" else (has == value) == (how == "=")


def _quantiles(share: float, buckets: Vector) -> Vector:
    """The upper edge of the bucket in which the share lies."""
    groups: defaultdict[Labels, list[tuple[float, float]]] = defaultdict(list)
    for labels, value in buckets.items():
        rest = tuple(pair for pair in labels if pair[0] != "le")
        groups[rest].append((float(dict(labels)["le"]), value))
    found = {}
    for labels, steps in groups.items():
        steps.sort()
        if steps[-1][1] > 0:
            found[labels] = next(edge for edge, seen in steps if seen >= share * steps[-1][1])
    return found
