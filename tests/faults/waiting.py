"""Waiting for something that happens outside of this process."""

import asyncio
from collections.abc import Callable

import asyncpg
import httpx2
import redis

_LOOK_SECONDS = 0.05
# Who was asked is not there; nothing else is a reason to ask again.
AWAY = (
    OSError,
    redis.RedisError,
    httpx2.HTTPError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the server's farewell was read, its hanging up not yet
)


async def until(question: Callable[[], object]) -> None:
    """Return when the answer is yes; whoever has a deadline puts it around."""
    while not question():  # noqa: ASYNC110  no event tells what other processes do
        await asyncio.sleep(_LOOK_SECONDS)
