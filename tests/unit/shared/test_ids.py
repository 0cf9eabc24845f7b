"""Ids sort by time, strictly within a process, and say what they name."""

import re
import time

from shared import ids


def test_ids_of_a_process_sort_strictly_in_the_order_of_their_making() -> None:
    made = [ids.new("evt") for _ in range(20_000)]
    assert made == sorted(set(made))
    assert all(re.fullmatch(r"evt_[0-9a-f]{32}", one) for one in made)


def test_ids_sort_with_the_clock() -> None:
    before = f"evt_{time.time_ns() // 1000:014x}"
    time.sleep(0.05)  # the test before ran ahead of the clock by up to 20,000 microseconds
    assert ids.new("evt") > before
    time.sleep(0.001)
    assert ids.new("evt") < f"evt_{time.time_ns() // 1000 + 50_000:014x}"


def test_a_trace_parent_has_the_form_of_w3c() -> None:
    one, two = ids.trace_parent(), ids.trace_parent()
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", one)
    assert one != two
