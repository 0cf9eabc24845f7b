"""What becomes of a webhook: ten tries over three days, later where a receiver asks for it."""

from datetime import timedelta

import pytest

from services.open_platform.domain.catalogue import TEST
from services.open_platform.domain.deliveries import DeliveryState, Told, answered, judge
from services.open_platform.domain.webhooks import DisabledReason

TYPE = "dm.rule_notified"


def waited(told: Told, *, share: float = 0.5) -> list[float]:
    """Seconds before each try after the first, until it is given up."""
    waits: list[float] = []
    while (verdict := judge(told, TYPE, len(waits), share)).wait is not None:
        waits.append(verdict.wait.total_seconds())
    assert (verdict.state, verdict.reason) == (DeliveryState.FAILED, "exhausted")
    return waits


def test_what_an_error_of_ours_ended_says_so() -> None:
    ours = Told(None, "our_error")
    assert judge(ours, TYPE, 0, 0.5).wait == timedelta(seconds=5)
    assert judge(ours, TYPE, 9, 0.5).reason == "our_error"
    assert judge(ours, TEST, 0, 0.5).reason == "our_error"


def test_there_are_ten_tries_in_75_hours_and_35_minutes() -> None:
    waits = waited(answered(500, None))
    assert waits == [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]
    assert timedelta(seconds=sum(waits)) == timedelta(hours=75, minutes=35, seconds=5)


@pytest.mark.parametrize(("share", "factor"), [(0.0, 0.8), (1.0, 1.2)])
def test_a_wait_is_up_to_a_fifth_shorter_or_longer(share: float, factor: float) -> None:
    middle, other = waited(answered(500, None)), waited(answered(500, None), share=share)
    assert other == pytest.approx([seconds * factor for seconds in middle])


@pytest.mark.parametrize("status", [429, 502, 504])
def test_who_is_overloaded_has_a_minute(status: int) -> None:
    assert waited(answered(status, None))[:2] == [60, 300]


@pytest.mark.parametrize(
    ("asked", "first"),
    [
        ("120", 120),
        ("1", 60),
        ("9" * 19, 86_400),
        ("9" * 30, 60),
        ("9" * 5000, 60),
        ("soon", 60),
        ("-5", 60),
        ("", 60),
        ("٣", 60),
    ],
)
def test_who_says_when_to_come_is_heard_up_to_a_day(asked: str, first: float) -> None:
    assert waited(answered(503 if asked == "120" else 429, asked))[0] == first


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_2xx_is_success(status: int) -> None:
    assert judge(answered(status, None), TYPE, 0, 0.5).state is DeliveryState.DELIVERED


@pytest.mark.parametrize("status", [100, 300, 301, 302, 307, 308, 400, 404, 500, 600])
def test_everything_else_is_tried_again(status: int) -> None:
    assert judge(answered(status, None), TYPE, 0, 0.5).state is DeliveryState.PENDING


def test_who_is_gone_is_asked_no_more() -> None:
    verdict = judge(answered(410, None), TYPE, 0, 0.5)
    assert (verdict.state, verdict.disables) == (DeliveryState.FAILED, DisabledReason.GONE)


def test_a_test_is_tried_once() -> None:
    verdict = judge(Told(None, "unreachable"), "webhook.test", 0, 0.5)
    assert (verdict.state, verdict.reason) == (DeliveryState.FAILED, "unreachable")
