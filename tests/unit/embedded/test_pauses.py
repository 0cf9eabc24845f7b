"""How long the supervisor waits before it starts a child again."""

import pytest

from services.embedded.supervisor import pause_after


@pytest.mark.parametrize(
    ("failures", "worked", "pause"),
    [
        (1, 0, 0.1),
        (2, 0, 0.2),
        (3, 0, 0.4),
        (7, 0, 2.0),
        (100, 0, 2.0),
        (7, 1.5, 0.5),
        (7, 3, 0.1),
        (7, 8, 0.1),
    ],
)
def test_the_pause_doubles_up_to_two_seconds_counted_from_the_last_time_it_was_ready(
    failures: int, worked: float, pause: float
) -> None:
    assert pause_after(failures, worked) == pytest.approx(pause)
