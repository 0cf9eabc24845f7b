"""A log says where something broke, and nothing of what was in hand there."""

import json
import subprocess
import sys

import pytest

# each word is what somebody wrote: in an exception, in a local variable, in a line of a library
_BREAKS = """
import asyncio, gc, logging, sys
import structlog
from pydantic import BaseModel

log = structlog.get_logger()


class Told(BaseModel):
    seconds: int


def breaks():
    text = "canary-local"
    try:
        Told.model_validate({"seconds": "canary-value"})
    except ValueError as error:
        raise RuntimeError("canary-words " + text) from error


def breaking():
    try:
        breaks()
    except RuntimeError as error:
        log.exception("ours")
        log.warning("ours", exc_info=error)
        logging.getLogger("asyncio").exception("canary-line %s", "canary-argument")
        logging.getLogger("uvicorn.error").error("canary-line", exc_info=error, stack_info=True)
        logging.getLogger("arq.worker").error("canary-line", exc_info=error)


async def forget():
    task = asyncio.create_task(asyncio.to_thread(breaks))
    asyncio.get_running_loop().call_soon(breaks)
    await asyncio.wait({task})
"""
_SERVES = """
from shared.observability import configure_logs

configure_logs("info", "a-process")
breaking()
asyncio.run(forget())
gc.collect()
"""
_COMMANDS = """
from services.embedded import command, operations

operations.check_migrations = breaking
sys.argv = ["siyu", "check-migrations"]
command.main()
"""


@pytest.mark.parametrize("ending", [_SERVES, _COMMANDS], ids=["serving", "a command"])
def test_no_value_that_was_in_hand_is_written_where_an_error_is(ending: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _BREAKS + ending], capture_output=True, text=True, check=False
    )

    assert "canary" not in ran.stdout + ran.stderr
    lines = [json.loads(line) for line in ran.stderr.splitlines()]
    assert len(lines) >= 5, "all were written, with the place where it broke"
    assert all(any(" breaks" in part for part in line["exception"]) for line in lines)
