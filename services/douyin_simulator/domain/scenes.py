"""Whether what the platform accepted is what a scenario expects."""

import re
from dataclasses import dataclass
from typing import Any, Final

from services.douyin_simulator.domain import contents

_SPAN: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_SHOWN: Final = 40


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many messages a fan is to get, what each of `contains` must be found in, and what not."""

    at_least: int
    at_most: int | None
    contains: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()

    def enough(self, messages: list[dict[str, Any]]) -> bool:
        """True when nothing more needs to arrive."""
        texts = [text_of(message) for message in messages]
        found = all(any(words in text for text in texts) for words in self.contains)
        return found and len(messages) >= self.at_least

    def can_only_get_worse(self) -> bool:
        """True when more messages could still break it, so that the whole time must pass."""
        return self.at_most is not None or bool(self.lacks)


def what_is_wrong(wanted: Wanted, messages: list[dict[str, Any]]) -> str:
    """Why the messages are not what is wanted; empty if they are."""
    texts = [text_of(message) for message in messages]
    got = f"{len(messages)} arrived" + (
        f": {'; '.join(_short(one) for one in texts)}" if texts else ""
    )
    if len(messages) < wanted.at_least:
        return got
    if wanted.at_most is not None and len(messages) > wanted.at_most:
        return got
    missing = [words for words in wanted.contains if not any(words in text for text in texts)]
    if missing:
        return f"none contains {missing[0]!r}; {got}"
    present = [words for words in wanted.lacks if any(words in text for text in texts)]
    return f"one contains {present[0]!r}; {got}" if present else ""


def text_of(message: dict[str, Any]) -> str:
    """The words of a recorded message; for what has none, the name of its kind."""
    content = message["content"]
    kind = content.get("msg_type")
    if kind == contents.TEXT:
        text: str = contents.part_of(content)["text"]
        return text
    return f"[{contents.name_of(kind)}]" if type(kind) is int else "[template_card]"


def seconds_of(span: str) -> float | None:
    """`90s`, `1.5m`, `24h`, `31d` or `300ms` in seconds; None if it is no span of time."""
    found = _SPAN.fullmatch(span)
    return float(found[1]) * _SECONDS[found[2]] if found else None


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
