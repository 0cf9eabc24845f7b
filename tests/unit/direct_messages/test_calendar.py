"""When a business is open, over weeks, holidays and make-up working days."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.direct_messages.domain.calendar import (
    ROUND_THE_CLOCK,
    SHANGHAI,
    Calendar,
    calendar_of,
)

HOLIDAYS = ["2026-09-25/2026-09-27", "2026-10-01/2026-10-07"]
MAKEUP_DAYS = ["2026-09-20", "2026-10-10"]
WEEK = {
    **dict.fromkeys(("mon", "tue", "wed", "thu"), "09:00-12:00 13:30-18:00"),
    "fri": "09:00-12:00 13:30-17:00",
    "sat": "closed",
}


def shop(**hours: str) -> Calendar:
    """The calendar of a shop with these hours beside those of its week."""
    return calendar_of(
        {
            "calendar.hours": WEEK | hours,
            "calendar.holidays": HOLIDAYS,
            "calendar.makeup_days": MAKEUP_DAYS,
        }
    )


def local(text: str) -> datetime:
    """A moment as a clock in Shanghai shows it, in 2026."""
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=SHANGHAI).astimezone(UTC)


@pytest.mark.parametrize("values", [{}, {"calendar.hours": None, "calendar.holidays": HOLIDAYS}])
def test_without_hours_all_time_is_business_time(values: dict[str, Any]) -> None:
    calendar = calendar_of(values)
    start, end = local("10-01 03:00"), local("10-01 05:00")
    assert calendar.is_round_the_clock
    assert calendar.is_open(start)
    assert calendar.elapsed(start, end) == timedelta(hours=2)
    assert calendar.after(start, timedelta(hours=2)) == end
    assert calendar.next_opening(start) == start


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        ("09-21 08:59:59", False),  # a Monday
        ("09-21 09:00", True),
        ("09-21 11:59:59", True),
        ("09-21 12:00", False),
        ("09-21 13:30", True),
        ("09-21 18:00", False),
        ("09-19 10:00", False),  # a Saturday
        ("09-20 10:00", True),  # a Sunday that is worked
        ("09-20 17:30", True),  # with the hours of a Monday
        ("09-25 10:00", False),  # a Friday, Mid-Autumn
        ("10-01 10:00", False),  # a Thursday, National Day
        ("10-07 10:00", False),
        ("10-08 10:00", True),
        ("10-10 10:00", True),  # a Saturday that is worked
        ("10-11 10:00", False),  # a Sunday
    ],
)
def test_hours_hold_by_the_clock_of_shanghai(at: str, is_open: bool) -> None:
    assert shop().is_open(local(at)) is is_open


def test_holidays_and_makeup_days_may_have_hours_of_their_own() -> None:
    calendar = shop(holiday="10:00-16:00", makeup="09:00-15:00")
    assert calendar.is_open(local("10-01 10:00"))
    assert not calendar.is_open(local("10-01 09:00"))
    assert not calendar.is_open(local("10-10 15:00"))


@pytest.mark.parametrize(
    ("start", "end", "minutes"),
    [
        ("09-21 09:00", "09-21 09:30", 30),
        ("09-21 11:50", "09-21 13:40", 20),  # over lunch
        ("09-21 17:50", "09-22 09:10", 20),  # over night
        ("09-24 17:50", "09-28 09:10", 20),  # over Mid-Autumn
        ("09-18 16:50", "09-20 09:10", 20),  # a Saturday off, then a Sunday at work
        ("09-30 17:50", "10-08 09:10", 20),  # over National Day
        ("09-26 10:00", "09-26 20:00", 0),
        ("09-21 10:00", "09-21 09:00", 0),
    ],
)
def test_only_open_time_counts(start: str, end: str, minutes: int) -> None:
    assert shop().elapsed(local(start), local(end)) == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("start", "minutes", "then"),
    [
        ("09-21 09:00", 30, "09-21 09:30"),
        ("09-21 11:50", 20, "09-21 13:40"),
        ("09-21 11:30", 30, "09-21 12:00"),  # the end of a stretch belongs to it
        ("09-26 10:00", 30, "09-28 09:30"),
        ("09-30 17:50", 20, "10-08 09:10"),
    ],
)
def test_a_deadline_is_reached_after_so_much_open_time(start: str, minutes: int, then: str) -> None:
    assert shop().after(local(start), timedelta(minutes=minutes)) == local(then)


def test_the_next_opening_is_told() -> None:
    assert shop().next_opening(local("09-25 10:00")) == local("09-28 09:00")
    assert shop().next_opening(local("09-28 10:00")) == local("09-28 10:00")


def test_a_business_that_never_opens_has_no_deadline() -> None:
    calendar = calendar_of({"calendar.hours": {"mon": "closed"}})
    assert calendar.after(local("09-21 09:00"), timedelta(minutes=1)) is None
    assert calendar.next_opening(local("09-21 09:00")) is None


_MOMENTS = st.integers(0, 60 * 24 * 60).map(lambda m: local("09-01 00:00") + timedelta(minutes=m))


@given(_MOMENTS, st.integers(1, 3_000))
def test_a_deadline_is_exactly_as_much_open_time_away(start: datetime, minutes: int) -> None:
    wanted = timedelta(minutes=minutes)
    for calendar in (shop(), ROUND_THE_CLOCK):
        due = calendar.after(start, wanted)
        assert due is not None
        assert calendar.elapsed(start, due) == wanted
        assert calendar.elapsed(start, due - timedelta(seconds=1)) < wanted


def test_a_day_within_a_stretch_of_holidays_is_one() -> None:
    assert shop().is_holiday(date(2026, 10, 4))
    assert not shop().is_holiday(date(2026, 10, 8))
