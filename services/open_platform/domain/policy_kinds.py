"""What may stand under a policy key: its type and range, checked before a value is stored."""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from services.open_platform.domain.policy import Value

_MOST: Final = 2**31 - 1
_CLOCK: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]|24:00")
_DAYS: Final = re.compile(r"\d{4}-\d\d-\d\d(/\d{4}-\d\d-\d\d)?", re.ASCII)
_LONGEST: Final = timedelta(days=31)
_WEEK: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun", "makeup", "holiday")


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number in a range, or, where the platform may set no limit, nothing."""

    low: int = 0
    high: int = _MOST
    or_none: bool = False

    def complaint(self, value: Value) -> str | None:
        """What is wrong with `value`; None when it fits."""
        if value is None and self.or_none:
            return None
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        if is_whole and self.low <= int(str(value)) <= self.high:
            return None
        return f"a whole number from {self.low} to {self.high}" + " or null" * self.or_none


@dataclass(frozen=True, slots=True)
class Share:
    """A number from 0 to 1."""

    def complaint(self, value: Value) -> str | None:
        """What is wrong with `value`; None when it fits."""
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return None if is_number and 0 <= float(str(value)) <= 1 else "a number from 0 to 1"


@dataclass(frozen=True, slots=True)
class Switch:
    """Yes or no."""

    def complaint(self, value: Value) -> str | None:
        """What is wrong with `value`; None when it fits."""
        return None if isinstance(value, bool) else "true or false"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some words."""

    words: tuple[str, ...]

    def complaint(self, value: Value) -> str | None:
        """What is wrong with `value`; None when it fits."""
        return None if value in self.words else "one of " + ", ".join(self.words)


@dataclass(frozen=True, slots=True)
class Selection:
    """Some of some words, none twice; at least one, or none at all where that is said."""

    words: tuple[str, ...]
    or_empty: bool = False

    def complaint(self, value: Value) -> str | None:
        """What is wrong with `value`; None when it fits."""
        is_filled = isinstance(value, list) and (bool(value) or self.or_empty)
        if isinstance(value, list) and is_filled and len(set(value)) == len(value):
            return None if set(value) <= set(self.words) else self._wanted()
        return self._wanted()

    def _wanted(self) -> str:
        return "a list of some of " + ", ".join(self.words)


@dataclass(frozen=True, slots=True)
class Fields:
    """Several whole numbers that belong together."""

    names: tuple[str, ...]
    each: Whole

    def complaint(self, value: Value) -> str | None:
        """What is wrong with `value`; None when it fits."""
        if not isinstance(value, dict) or set(value) != set(self.names):
            return "an object with exactly " + ", ".join(self.names)
        wrong = [self.each.complaint(v) for v in value.values()]
        return next((f"each {w}" for w in wrong if w), None)


@dataclass(frozen=True, slots=True)
class Hours:
    """A part of the day that lies within another."""

    earliest: str
    latest: str

    def complaint(self, value: Value) -> str | None:
        """What is wrong with `value`; None when it fits."""
        if isinstance(value, dict) and set(value) == {"from", "to"}:
            start, end = value["from"], value["to"]
            if isinstance(start, str) and isinstance(end, str) and self._contains(start, end):
                return None
        return f'{{"from": "HH:MM", "to": "HH:MM"}} within {self.earliest}-{self.latest}'

    def _contains(self, start: str, end: str) -> bool:
        if not (_CLOCK.fullmatch(start) and _CLOCK.fullmatch(end)):
            return False
        return self.earliest <= start < end <= self.latest


@dataclass(frozen=True, slots=True)
class Week:
    """Opening hours: for each kind of day its stretches in order; or nothing, for around the clock."""

    def complaint(self, value: Value) -> str | None:
        """What is wrong with `value`; None when it fits."""
        if value is None:
            return None
        is_week = isinstance(value, dict) and value and set(value) <= set(_WEEK)
        if is_week and isinstance(value, dict) and all(_is_day(day) for day in value.values()):
            return None
        return (
            'null, or an object of some of mon … sun, makeup, holiday, each "closed" or stretches in'
            ' order: "09:00-12:00 13:30-18:00"'
        )


def _is_day(text: object) -> bool:
    if text == "closed":
        return True
    if not isinstance(text, str):
        return False
    clocks = [clock for span in text.split(" ") for clock in span.split("-")]
    is_paired = all(span.count("-") == 1 for span in text.split(" "))
    is_rising = all(a < b for a, b in zip(clocks[::2], clocks[1::2], strict=False)) and all(
        a <= b for a, b in zip(clocks[1::2], clocks[2::2], strict=False)
    )
    return is_paired and is_rising and all(_CLOCK.fullmatch(clock) for clock in clocks)


@dataclass(frozen=True, slots=True)
class Days:
    """Days and stretches of days, none longer than a month."""

    def complaint(self, value: Value) -> str | None:
        """What is wrong with `value`; None when it fits."""
        if isinstance(value, list) and all(_are_days(text) for text in value):
            return None
        return 'a list of days, "2026-01-01" or "2026-10-01/2026-10-07" (at most 31 days)'


def _are_days(text: str) -> bool:
    if not _DAYS.fullmatch(text):
        return False
    first, _, last = text.partition("/")
    try:
        lasts = date.fromisoformat(last or first) - date.fromisoformat(first)
    except ValueError:
        return False
    return timedelta(0) <= lasts < _LONGEST


@dataclass(frozen=True, slots=True)
class Words:
    """A text that is sent, or nothing."""

    most: int

    def complaint(self, value: Value) -> str | None:
        """What is wrong with `value`; None when it fits."""
        is_text = isinstance(value, str) and bool(value.strip()) and len(value) <= self.most
        return None if value is None or is_text else f"null, or a text of at most {self.most}"


@dataclass(frozen=True, slots=True)
class Texts:
    """A list of short texts, none twice."""

    most: int
    chars: int

    def complaint(self, value: Value) -> str | None:
        """What is wrong with `value`; None when it fits."""
        is_list = isinstance(value, list) and len(value) <= self.most
        if isinstance(value, list) and is_list and len(set(value)) == len(value):
            fits = all(0 < len(text.strip()) <= len(text) <= self.chars for text in value)
            return None if fits else self._wanted()
        return self._wanted()

    def _wanted(self) -> str:
        return f"a list of at most {self.most} different texts of 1 to {self.chars} characters"


Kind = Whole | Share | Switch | Choice | Selection | Fields | Hours | Week | Days | Words | Texts
