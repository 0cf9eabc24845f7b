"""When a business is open: hours of the week, holidays, make-up working days. Pure; data is given.

China's holidays move working days: a Saturday or Sunday before or after is worked instead (调休). Both
lists are policy, since the State Council announces them anew each year.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

SHANGHAI: Final = ZoneInfo("Asia/Shanghai")
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MAKEUP: Final = "makeup"  # hours of a make-up working day; where not given, Monday's
HOLIDAY: Final = "holiday"  # hours of a holiday; where not given, closed

_FURTHEST: Final = 400  # days looked ahead: a business that is closed for longer has no hours
_MIDNIGHT: Final = time(0)
Span = tuple[timedelta, timedelta]  # from, to: since local midnight


@dataclass(frozen=True, slots=True)
class Calendar:
    """The hours of one account. `hours` None: open around the clock, whatever the lists say."""

    hours: Mapping[str, tuple[Span, ...]] | None = None
    holidays: tuple[tuple[date, date], ...] = ()  # first and last day
    makeup_days: frozenset[date] = frozenset()

    @property
    def is_round_the_clock(self) -> bool:
        """Whether all time is business time."""
        return self.hours is None

    def is_holiday(self, day: date) -> bool:
        """Whether `day` is a holiday."""
        return any(first <= day <= last for first, last in self.holidays)

    def spans_of(self, day: date) -> tuple[Span, ...]:
        """When it is open on `day`. A make-up day wins over a holiday: somebody decided to work."""
        if self.hours is None:
            return ((timedelta(0), timedelta(days=1)),)
        if day in self.makeup_days:
            return self.hours.get(MAKEUP, self.hours.get("mon", ()))
        if self.is_holiday(day):
            return self.hours.get(HOLIDAY, ())
        return self.hours.get(WEEKDAYS[day.weekday()], ())

    def is_open(self, at: datetime) -> bool:
        """Whether it is open at that moment: the first second counts, the last does not."""
        if self.hours is None:
            return True
        local = at.astimezone(SHANGHAI)
        since = local.replace(tzinfo=None) - datetime.combine(local.date(), _MIDNIGHT)
        return any(start <= since < end for start, end in self.spans_of(local.date()))

    def elapsed(self, start: datetime, end: datetime) -> timedelta:
        """How much business time lies between two moments; none if `end` is not after `start`."""
        if self.hours is None:
            return max(end - start, timedelta(0))
        total = timedelta(0)
        for opens, closes in self._open_from(start):
            if opens >= end:
                break
            total += min(closes, end) - opens
        return total

    def after(self, start: datetime, open_for: timedelta) -> datetime | None:
        """When so much business time has passed since `start`; None if it never opens long enough."""
        if self.hours is None:
            return start + open_for
        left = open_for
        for opens, closes in self._open_from(start):
            if left <= closes - opens:
                return opens + left
            left -= closes - opens
        return None

    def next_opening(self, at: datetime) -> datetime | None:
        """`at` itself while it is open, else when it opens next; None if it does not."""
        found = next(self._open_from(at), None)
        return None if found is None else found[0]

    def _open_from(self, start: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Open stretches from `start` on, in order, as UTC."""
        first = start.astimezone(SHANGHAI).date()
        for number in range(_FURTHEST):
            day = first + timedelta(days=number)
            midnight = datetime.combine(day, _MIDNIGHT, SHANGHAI).astimezone(UTC)
            for opens, closes in self.spans_of(day):
                if midnight + closes > start:
                    yield max(midnight + opens, start.astimezone(UTC)), midnight + closes


ROUND_THE_CLOCK: Final = Calendar()


def calendar_of(values: Mapping[str, Any]) -> Calendar:
    """The calendar that a policy spells; a policy from before there were calendars has none."""
    hours = values.get("calendar.hours")
    if hours is None:
        return ROUND_THE_CLOCK
    return Calendar(
        hours={day: _spans(text) for day, text in hours.items()},
        holidays=tuple(_days(text) for text in values.get("calendar.holidays", ())),
        makeup_days=frozenset(_listed(values.get("calendar.makeup_days", ()))),
    )


def _spans(text: str) -> tuple[Span, ...]:
    """`09:00-12:00 13:30-18:00`, or `closed`."""
    if text == "closed":
        return ()
    pairs = (span.split("-") for span in text.split())
    return tuple((_since_midnight(start), _since_midnight(end)) for start, end in pairs)


def _since_midnight(clock: str) -> timedelta:
    hours, minutes = clock.split(":")
    return timedelta(hours=int(hours), minutes=int(minutes))


def _days(text: str) -> tuple[date, date]:
    """`2026-10-01/2026-10-07`, or one day."""
    first, _, last = text.partition("/")
    return date.fromisoformat(first), date.fromisoformat(last or first)


def _listed(texts: Sequence[str]) -> Iterator[date]:
    for text in texts:
        day, last = _days(text)
        while day <= last:
            yield day
            day += timedelta(days=1)
