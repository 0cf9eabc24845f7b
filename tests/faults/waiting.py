"""Waiting for something that happens outside of this process."""

import asyncio
from collections.abc import Callable

_LOOK_SECONDS = 0.05


async def until(question: Callable[[], object]) -> None:
    """Return when the answer is yes; whoever has a deadline puts it around."""
    while not question():  # noqa: ASYNC110  no event tells what other processes do
        await asyncio.sleep(_LOOK_SECONDS)
