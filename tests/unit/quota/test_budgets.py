"""The arithmetic of budgets: calendar windows, holds, settlements, warnings."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from services.quota.domain import (
    OPERATION_ITEM,
    Bucket,
    BucketKey,
    Claim,
    Entry,
    Line,
    Refusal,
    Resets,
    hold,
    in_window,
    marks_crossed,
    settle,
    settled_bucket,
)
from services.quota.domain.limits import day_of, month_of

KEY = BucketKey("org", "acc", "dm.reply", "fan", "")
AT = datetime(2024, 2, 10, tzinfo=UTC)
RESETS = Resets("fan_message")


def a_bucket(used: int = 0, held: int = 0, cap: int | None = 6, limit: str = "dm.reply") -> Bucket:
    return Bucket(KEY._replace(limit=limit), "w1", AT, None, cap, used, held, None)


def a_claim(units: int = 1, usable: int | None = 6, window: str = "w1", at: datetime = AT) -> Claim:
    cap = None if usable is None else 6
    return Claim(KEY, window, at, None, cap, usable, units, True, RESETS)


def test_a_month_begins_and_ends_at_midnight_in_shanghai() -> None:
    start, end = month_of(datetime(2024, 2, 29, 15, 59, 59, tzinfo=UTC))

    assert start == datetime(2024, 1, 31, 16, tzinfo=UTC)
    assert end == datetime(2024, 2, 29, 16, tzinfo=UTC)
    assert month_of(end)[0] == end


def test_a_day_begins_at_midnight_in_shanghai() -> None:
    assert day_of(datetime(2024, 12, 31, 16, tzinfo=UTC))[0] == datetime(
        2024, 12, 31, 16, tzinfo=UTC
    )
    assert day_of(datetime(2024, 12, 31, 15, 59, tzinfo=UTC))[0] == datetime(
        2024, 12, 30, 16, tzinfo=UTC
    )


def test_a_request_larger_than_the_whole_budget_never_fits() -> None:
    refused = hold(a_bucket(), a_claim(units=7))

    assert isinstance(refused, Refusal)
    assert refused.resets == Resets("never")


def test_a_newer_window_starts_from_nothing_and_an_older_one_is_ignored() -> None:
    newer = a_claim(window="w2", at=datetime(2024, 2, 11, tzinfo=UTC))
    opened = in_window(a_bucket(used=6), newer)

    assert (opened.window_id, opened.used) == ("w2", 0)
    assert in_window(opened, a_claim()) == opened


def test_warnings_come_at_eighty_percent_and_at_the_end_and_only_for_pushes() -> None:
    def pushes(held: int) -> Bucket:
        return a_bucket(held=held, cap=8, limit="push.monthly")

    steps = [marks_crossed(pushes(n), pushes(n + 1)) for n in range(8)]

    assert steps == [(), (), (), (), (), (), (0.8,), (1.0,)]
    assert marks_crossed(a_bucket(held=5), a_bucket(held=6)) == ()


def _lines(count: int, *, whole: bool = True) -> tuple[Line, ...]:
    items = [Line("rsv", KEY, "w1", n, 1, None) for n in range(count)]
    day = KEY._replace(limit="dm.enter.events")
    return tuple(
        [*items, Line("rsv", day, "2024-02-10", OPERATION_ITEM, 1, None)] if whole else items
    )


def test_what_counts_operations_is_committed_with_the_first_item() -> None:
    moved = settle(_lines(3), frozenset({1}), Entry.COMMITTED)

    assert [(line.item, line.settled) for line in moved] == [
        (1, Entry.COMMITTED),
        (OPERATION_ITEM, Entry.COMMITTED),
    ]


def test_what_counts_operations_is_released_with_the_last_item_only() -> None:
    lines = _lines(2)
    first = settle(lines, frozenset({0}), Entry.RELEASED)
    after = tuple(next((m for m in first if m.item == line.item), line) for line in lines)
    second = settle(after, frozenset({1}), Entry.RELEASED)

    assert [line.item for line in first] == [0]
    assert [line.item for line in second] == [1, OPERATION_ITEM]


@given(
    st.lists(
        st.tuples(st.sampled_from(Entry), st.one_of(st.none(), st.sets(st.integers(0, 5)))),
        max_size=12,
    )
)
def test_no_order_of_settlements_moves_an_item_twice_or_breaks_the_counter(
    steps: list[tuple[Entry, set[int] | None]],
) -> None:
    lines, bucket, moves = _lines(6, whole=False), a_bucket(held=6), 0
    for entry, items in steps:
        if entry is Entry.HELD:
            continue
        moved = settle(lines, None if items is None else frozenset(items), entry)
        for line in moved:
            bucket, moves = settled_bucket(bucket, line), moves + 1
        lines = tuple(next((m for m in moved if m.item == line.item), line) for line in lines)

    assert moves <= 6
    assert bucket.used >= 0
    assert bucket.held == 6 - moves
    assert bucket.used + bucket.held <= 6
