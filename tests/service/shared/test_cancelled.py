"""A loop that is told to end ends, whatever it was doing at that moment."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.service.shared.conftest import HEARER, LANE, Road

_MOMENTS = 60


def commands(road: Road) -> dict[str, Callable[[], Awaitable[Any]]]:
    """What loops do with the carrier, each by name."""
    streams = road.process("hearer").streams
    reader = streams.reader(HEARER, LANE)
    return {
        "a command": streams.ping,
        "many at once": lambda: streams.finish(HEARER, LANE, [], {"direct_messages": ["evt_x"]}),
        "reading": lambda: reader.new(block_ms=1),
        "taking over": lambda: reader.abandoned(10_000),
    }


@pytest.mark.parametrize("doing", ["a command", "many at once", "reading", "taking over"])
async def test_whoever_is_told_to_end_at_any_moment_of_a_command_ends(
    road: Road, doing: str
) -> None:
    do = commands(road)[doing]
    await do()
    for moment in range(_MOMENTS):
        task = asyncio.ensure_future(do())
        for _ in range(moment):
            await asyncio.sleep(0)
        if not task.cancel():
            return  # it was done by then
        await asyncio.wait([task])
        assert task.cancelled(), f"told at moment {moment}, it went on"
