"""Failpoints do what the environment planned, and a plan that makes no sense is refused at the start."""

import os
import subprocess
import sys

import pytest

from shared.failpoints import _parse

PASS = "import asyncio; from shared.failpoints import failpoint; asyncio.run(failpoint('here')); print('passed')"


def passing(plan: str, **more: str) -> subprocess.CompletedProcess[str]:
    """A process that passes the failpoint `here` with that plan."""
    environment = {**os.environ, "PYTHONPATH": ".", "FAILPOINT": plan, **more}
    return subprocess.run(
        [sys.executable, "-c", PASS], env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("plan", "code", "said"),
    [
        ("", 0, "passed"),
        ("there=kill9", 0, "passed"),
        ("here=kill9:p0", 0, "passed"),
        ("here=sleep:0.01", 0, "passed"),
        ("here=block:0.01", 0, "passed"),
        ("here=kill9", -9, ""),
        ("there=sleep:1; here=kill9:p1 ;", -9, ""),
        ("here=raise", 1, ""),
    ],
)
def test_a_failpoint_acts_as_planned(plan: str, code: int, said: str) -> None:
    done = passing(plan)
    assert (done.returncode, done.stdout.strip()) == (code, said), done.stderr
    assert ("failpoint here:" in done.stderr) == (said == "" or ":0.01" in plan)
    if "raise" in plan:
        assert "FailpointHit: here" in done.stderr


def test_a_plan_is_read() -> None:
    plan = _parse("send.after_write=kill9:p0.02; inbox.before_200=sleep:3")
    first, second = plan["send.after_write"], plan["inbox.before_200"]
    assert (first.verb, first.probability) == ("kill9", 0.02)
    assert (second.verb, second.seconds, second.probability) == ("sleep", 3, 1)


@pytest.mark.parametrize(
    "plan",
    [
        *("here", "here=", "=kill9", "here=explode", "here=raise;there=explode"),
        *("here=kill9:p2", "here=kill9:px", "here=kill9:", "here=kill9:3"),
        *("here=sleep", "here=sleep:long", "here=sleep:-1", "here=block"),
    ],
)
def test_a_plan_without_sense_is_refused_and_named(plan: str) -> None:
    wrong = plan.rpartition(";")[2]
    with pytest.raises(ValueError, match="FAILPOINT") as refused:
        _parse(plan)
    assert repr(wrong) in str(refused.value)


def test_it_is_refused_when_the_process_starts() -> None:
    done = passing("here=explode", PYTHONDONTWRITEBYTECODE="1")
    assert done.returncode == 1
    assert "FAILPOINT" in done.stderr.splitlines()[-1]
    assert "passed" not in done.stdout
