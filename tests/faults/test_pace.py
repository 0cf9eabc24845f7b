"""The clock by which a fault run waits: slow where there is no core, and only there."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.pace import Pace

_TURNS = "while True: pass"
_STANDS = "import time; time.sleep(60)"
_SECONDS = 1.0

told = pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="no kernel that tells")


@contextmanager
def running(program: str, count: int) -> Iterator[list[int]]:
    """So many of these on one core."""
    core = str(min(os.sched_getaffinity(0)))
    words = [sys.executable, "-c", f"import os; os.sched_setaffinity(0, {{{core}}})\n{program}"]
    started = [subprocess.Popen(words) for _ in range(count)]
    try:
        yield [one.pid for one in started]
    finally:
        for one in started:
            one.kill()
            one.wait()


def passed(pids: list[int], slow: float = 1.0) -> tuple[Pace, float]:
    """The pace of these after a while, and how many of its seconds the next one of the wall was."""
    pace = Pace(lambda: pids, slow)
    time.sleep(_SECONDS)  # until they run
    pace.look()
    time.sleep(_SECONDS)
    pace.look()
    before, began = pace.now(), time.monotonic()
    time.sleep(_SECONDS / 10)
    return pace, (pace.now() - before) / (time.monotonic() - began)


@told
def test_for_who_waits_for_a_core_time_passes_slowly() -> None:
    with running(_TURNS, 8) as pids:
        pace, speed = passed(pids)
    assert pace.worst > 2
    assert speed < 0.5


def test_for_who_stands_still_time_passes_as_on_the_wall() -> None:
    with running(_STANDS, 2) as pids:
        pace, speed = passed(pids)
    assert pace.worst == 1
    assert speed == pytest.approx(1, abs=0.05)


def test_what_started_slowly_has_longer_bounds_for_the_whole_run() -> None:
    pace, speed = passed([], slow=2)
    assert speed == pytest.approx(0.5, abs=0.05)
    assert not pace.deadline(0.1).is_over


def test_a_bound_ends() -> None:
    pace = Pace(list)
    deadline = pace.deadline(0.05)
    assert not deadline.is_over
    time.sleep(0.1)
    assert deadline.is_over
