"""Days of Shanghai, and how much of one a process takes at a time."""

from datetime import UTC, date, datetime, timedelta

import pytest

from services.douyin.domain.limits import Calls, day_of, taken_at_once


@pytest.mark.parametrize(
    ("now", "day"),
    [
        (datetime(2025, 3, 1, 15, 59, 59, 999_999, UTC), date(2025, 3, 1)),
        (datetime(2025, 3, 1, 16, 0, 0, 0, UTC), date(2025, 3, 2)),
        (datetime(2025, 3, 2, 15, 59, tzinfo=UTC), date(2025, 3, 2)),
    ],
)
def test_a_day_begins_at_midnight_in_shanghai(now: datetime, day: date) -> None:
    found = day_of(now)
    assert found.date == day
    assert found.begins_at <= now < found.ends_at
    assert found.ends_at - found.begins_at == timedelta(days=1)
    assert found.begins_at.hour == 16


@pytest.mark.parametrize(
    ("most", "per_second", "count"),
    [
        (100_000, None, 200),
        (10_000, None, 200),
        (5_000, None, 100),
        (100, None, 2),
        (10, None, 1),
        (0, None, 1),
        (100_000, 50, 10),
        (100_000, 3, 1),
        (100, 1000, 2),
    ],
)
def test_a_process_takes_little_of_what_is_scarce(
    most: int, per_second: int | None, count: int
) -> None:
    assert taken_at_once(Calls.DIRECT_MESSAGE, most, per_second) == count


def test_what_is_asked_seldom_is_taken_call_by_call() -> None:
    assert taken_at_once(Calls.LEAD_CARD, 10_000, None) == 1
    assert taken_at_once(Calls.IMAGE, None, None) == 1
