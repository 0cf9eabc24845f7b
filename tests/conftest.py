"""What holds for every test: no socket leaves this machine, and no test runs for ever.

Nothing of ours is patched.
"""

import asyncio
import faulthandler
import gc
import ipaddress
import os
import socket
import sys
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
import structlog

from shared.observability.logs import PROCESSORS

_E2E = Path(__file__).parent / "e2e"
_INTERNET = (socket.AF_INET, socket.AF_INET6)
structlog.configure(processors=[*PROCESSORS])  # tests see in logs what production writes


class OutsideThisMachineError(AssertionError):
    """A test tried to reach an address that is not of this machine."""


def is_loopback(host: object) -> bool:
    """Whether a socket address names this machine's loopback."""
    if host in {"localhost", b"localhost"}:
        return True
    try:
        address = ipaddress.ip_address(str(host).partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _guard(event: str, args: tuple[object, ...]) -> None:
    if event not in {"socket.connect", "socket.sendto"}:
        return
    sock, address = args[0], args[1]
    if not isinstance(sock, socket.socket) or sock.family not in _INTERNET:
        return
    host = address[0] if isinstance(address, tuple) else address
    if not is_loopback(host):
        msg = f"tests may only talk to loopback, not to {address!r}"
        raise OutsideThisMachineError(msg)


sys.addaudithook(_guard)


# ------------------------------------------------------------------------------- the longest first

_FIRST = (
    "test_nothing_lost",  # with the third on one worker: two that kill at once are too much for two cores
    "test_scenarios",
    "test_hand_off_kills",
    "test_fuzz",
    "test_conversations",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take minutes, or one worker is left with them; then where most tests are."""
    sizes = Counter(item.path for item in items)

    def turn(item: pytest.Item) -> tuple[int, int]:
        is_long = item.path.parent == _E2E and item.path.stem in _FIRST
        return _FIRST.index(item.path.stem) if is_long else len(_FIRST), -sizes[item.path]

    items.sort(key=turn)


def pytest_collection_finish() -> None:
    """What was imported and collected stays: looking through it again costs a tenth of the CPU."""
    gc.collect()
    gc.freeze()


# ---------------------------------------------------------------------------- an end for every test

_STDERR = os.dup(2)  # before pytest captures it: a process that is ended shows its stacks here


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    """End the process when what a test leaves behind does not let itself be stopped.

    pytest-timeout raises once, and stops counting when a test fails: what comes after is counted here.
    """
    limit = float(item.config.getoption("timeout") or item.config.getini("timeout"))
    # twice, so that pytest-timeout, which ends only the test, comes first
    faulthandler.dump_traceback_later(2 * limit, exit=True, file=_STDERR)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show where every task waited when time was up: its loop's stack says nothing of it."""
    report = yield
    if call.excinfo is not None and str(call.excinfo.value).startswith("Timeout (>"):
        waiting = [
            f"{task.get_name()}: {' > '.join(_awaits(task.get_coro()))}"
            for task in gc.get_objects()
            if isinstance(task, asyncio.Task) and not task.done()
        ]
        report.sections.append(("Tasks that wait", "\n".join(waiting)))
    return report


def _awaits(awaited: object) -> Iterator[str]:
    while frame := getattr(awaited, "cr_frame", None) or getattr(awaited, "gi_frame", None):
        yield f"{frame.f_code.co_qualname} ({frame.f_code.co_filename}:{frame.f_lineno})"
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "gi_yieldfrom", None)
