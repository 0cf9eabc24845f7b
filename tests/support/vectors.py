"""The vectors of the wire, and a list of those that the tests of one side prove."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "contract/douyin/vectors.json").read_text("utf-8")
)
BY_NAME: dict[str, dict[str, Any]] = {one["name"]: one for one in VECTORS["vectors"]}
TIMELINES: dict[str, dict[str, Any]] = {one["name"]: one for one in VECTORS["timelines"]}
SEND: dict[str, Any] = VECTORS["send"]
ANSWERS: dict[str, dict[str, Any]] = {one["name"]: one for one in SEND["failures"]}

_Test = TypeVar("_Test", bound=Callable[..., Any])


def every_name() -> list[str]:
    """Everything in the file that somebody could forget to test."""
    lists = ("vectors", "negatives", "timelines")
    named = [one["name"] for key in lists for one in VECTORS[key]]
    answers = [f"{SEND['name']}-{answer}" for answer in ("success", *ANSWERS)]
    unknown = VECTORS.keys() - {*lists, "send", "decrypt", "client_key", "client_secret"}
    return sorted([*named, SEND["name"], *answers, VECTORS["decrypt"]["name"], *unknown])


class Proofs:
    """Which vectors the tests of a side prove: each test says it itself."""

    def __init__(self) -> None:
        self._names: set[str] = set()

    def of(self, *names: str) -> Callable[[_Test], _Test]:
        """The test below proves these."""
        self._names.update(names)
        return lambda test: test

    def names(self) -> list[str]:
        """Everything that is proven."""
        return sorted(self._names)
