"""Which value of a policy holds, and which may be put in its place."""

from datetime import UTC, datetime, timedelta

import pytest

from services.open_platform.domain.policy import Origin, Override, Row, Value, resolve
from services.open_platform.domain.policy_keys import KINDS

NOW = datetime(2025, 6, 1, tzinfo=UTC)
BEFORE, AFTER = NOW - timedelta(days=1), NOW + timedelta(days=1)
KEY = "dm.reply.limit"


def a_row(value: Value, effective_from: datetime, source: str = "community") -> Row:
    return Row(KEY, value, effective_from, source)


def an_override(value: Value, *, for_account: bool) -> Override:
    return Override(KEY, value, for_account=for_account, changed_at=BEFORE)


OLDER, NEWER, FUTURE = a_row(3, BEFORE - timedelta(days=9)), a_row(6, BEFORE), a_row(9, AFTER)
OF_ORGANIZATION = an_override(20, for_account=False)
OF_ACCOUNT = an_override(30, for_account=True)


@pytest.mark.parametrize(
    ("rows", "overrides", "value", "origin"),
    [
        ([OLDER], [], 3, Origin.PROFILE),
        ([NEWER, OLDER], [], 6, Origin.PROFILE),
        ([OLDER, NEWER, FUTURE], [], 6, Origin.PROFILE),
        ([a_row(7, NOW)], [], 7, Origin.PROFILE),
        ([NEWER], [OF_ORGANIZATION], 20, Origin.ORGANIZATION),
        ([NEWER], [OF_ACCOUNT], 30, Origin.ACCOUNT),
        ([NEWER], [OF_ACCOUNT, OF_ORGANIZATION], 30, Origin.ACCOUNT),
        ([NEWER], [OF_ORGANIZATION, OF_ACCOUNT], 30, Origin.ACCOUNT),
        ([NEWER], [an_override(None, for_account=True)], None, Origin.ACCOUNT),
    ],
)
def test_account_before_organization_before_the_newest_row_in_effect(
    rows: list[Row], overrides: list[Override], value: Value, origin: Origin
) -> None:
    found = resolve(rows, overrides, NOW)[KEY]
    assert (found.value, found.origin, found.source) == (value, origin, "community")


def test_a_key_holds_nothing_before_its_first_row() -> None:
    assert resolve([FUTURE], [OF_ACCOUNT], NOW) == {}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("dm.reply.limit", 3),
        ("dm.reply.limit", 0),
        ("dm.reply.window_hours", None),
        ("dm.reply.window_hours", 48),
        ("dm.reply.applies_to", "everyone"),
        ("dm.text.external_links", True),
        ("push.kinds", ["video"]),
        ("sla.target_rate", 1),
        ("sla.target_rate", 0.5),
        ("marketing.window", {"from": "09:00", "to": "21:00"}),
        ("dm.loop_guard", {"sends": 3, "inbound": 5, "seconds": 30}),
        ("api.daily_calls.direct_message", 100_000_000),
        ("calendar.hours", None),
        ("calendar.hours", {"mon": "09:00-12:00 13:30-18:00", "sat": "closed"}),
        ("calendar.hours", {"sun": "00:00-24:00", "makeup": "09:00-17:00", "holiday": "closed"}),
        ("calendar.holidays", ["2026-01-01", "2026-10-01/2026-10-07"]),
        ("calendar.makeup_days", []),
        ("dm.handoff.queue_notice", None),
        ("dm.handoff.queue_notice", "前面还有 {ahead} 位"),
    ],
)
def test_a_value_of_the_right_type_and_range_may_stand_there(key: str, value: Value) -> None:
    assert KINDS[key].complaint(value) is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("dm.reply.limit", None),
        ("dm.reply.limit", -1),
        ("dm.reply.limit", 10**12),
        ("dm.reply.limit", 6.0),
        ("dm.reply.limit", True),
        ("dm.reply.limit", "6"),
        ("dm.reply.applies_to", "nobody"),
        ("dm.reply.applies_to", None),
        ("dm.text.external_links", 1),
        ("push.kinds", []),
        ("push.kinds", ["video", "video"]),
        ("push.kinds", ["hologram"]),
        ("push.kinds", "video"),
        ("sla.target_rate", 1.01),
        ("sla.target_rate", float("nan")),
        ("sla.target_rate", True),
        ("marketing.window", {"from": "07:00", "to": "21:00"}),
        ("marketing.window", {"from": "21:00", "to": "09:00"}),
        ("marketing.window", {"from": "9:00", "to": "21:00"}),
        ("marketing.window", {"from": 900, "to": 2100}),
        ("marketing.window", {"from": "09:00"}),
        ("dm.loop_guard", {"sends": 3, "inbound": 5}),
        ("dm.loop_guard", {"sends": 3, "inbound": 5, "seconds": "x"}),
        ("dm.loop_guard", 6),
        ("api.daily_calls.direct_message", 100_000_001),
        ("log.retention_days", 179),
        ("calendar.hours", {}),
        ("calendar.hours", {"monday": "09:00-18:00"}),
        ("calendar.hours", {"mon": "18:00-09:00"}),
        ("calendar.hours", {"mon": "09:00-13:00 12:00-18:00"}),
        ("calendar.hours", {"mon": "09:00"}),
        ("calendar.hours", {"mon": "09:00-25:00"}),
        ("calendar.hours", {"mon": "9-18"}),
        ("calendar.hours", {"mon": 9}),
        ("calendar.hours", {"mon": ""}),
        ("calendar.holidays", ["2026-02-30"]),
        ("calendar.holidays", ["20260101"]),
        ("calendar.holidays", ["2026-10-07/2026-10-01"]),
        ("calendar.holidays", ["2026-01-01/2026-12-31"]),
        ("calendar.holidays", ["2026-01-01/"]),
        ("calendar.makeup_days", "2026-01-04"),
        ("dm.handoff.queue_notice", " "),
        ("dm.handoff.queue_notice", "长" * 201),
    ],
)
def test_anything_else_is_refused_with_what_is_wanted(key: str, value: Value) -> None:
    assert KINDS[key].complaint(value)
