"""Ids sort by time, strictly within a process, and say what they name."""

import os
import re
import signal
import threading
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


def test_a_fork_draws_other_chance_and_never_waits_for_a_thread_of_its_parent() -> None:
    over = threading.Event()

    def draw() -> None:
        while not over.is_set():
            ids.chance(12)

    threads = [threading.Thread(target=draw) for _ in range(3)]
    for thread in threads:
        thread.start()
    ids.chance(1)  # a page is open
    drawn = []
    for _ in range(5):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:  # and nothing of the test's own is run in it
            signal.alarm(2)
            os.write(writing, ids.chance(16))
            os._exit(0)
        os.close(writing)
        drawn.append(os.read(reading, 16))
        os.close(reading)
        os.waitpid(child, 0)
    over.set()
    for thread in threads:
        thread.join()
    drawn.append(ids.chance(16))
    assert len(set(drawn)) == 6
    assert all(len(one) == 16 for one in drawn)
