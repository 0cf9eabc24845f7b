"""The limits of tests/conftest.py: what hangs becomes a failure that says where, and the rest is run."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HANGING = """
import asyncio
import contextlib
import threading

import pytest


@pytest.fixture
def stuck_before():
    threading.Event().wait()


@pytest.fixture
def stuck_after():
    yield
    threading.Event().wait()


async def nobody_answers():
    await asyncio.Event().wait()


async def immortal():
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()


def test_call():
    threading.Event().wait()


def test_setup(stuck_before):
    pass


def test_teardown(stuck_after):
    pass


async def test_task():
    await nobody_answers()


def test_after_a_failure(stuck_after):
    raise AssertionError("and what it leaves behind does not end")


async def test_not_cancelled():
    await asyncio.create_task(immortal())


def test_the_last():
    pass
"""


def test_what_hangs_fails_and_shows_where_and_the_rest_is_run(tmp_path: Path) -> None:
    (tmp_path / "test_hanging.py").write_text(HANGING)
    said = run(tmp_path)
    ends = said[said.rindex("short test summary") :]
    for name in ("test_call", "test_task", "test_after_a_failure", "test_not_cancelled"):
        assert f"FAILED test_hanging.py::{name} " in ends, said
    for name in ("test_setup", "test_teardown"):
        assert f"ERROR test_hanging.py::{name} " in ends, said
    for name in ("test_after_a_failure", "test_not_cancelled"):
        assert f"crashed while running 'test_hanging.py::{name}'" in said, said
    # test_teardown itself passed, and nothing kept the last from its turn
    assert " 2 passed" in ends, said
    for place in ("> nobody_answers", "immortal", "def stuck_before", "in stuck_after"):
        assert place in said, said


def run(folder: Path) -> str:
    """What a run over a folder prints, with our limits but shorter ones, in one worker."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    words = ["-p", "tests.conftest", "-p", "no:randomly", "-n", "1", "--timeout", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", ROOT / "pyproject.toml", *words, folder],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 1, done.stdout
    return done.stdout
