"""An ASGI app on a real loopback socket, in this loop."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

import uvicorn
from starlette.types import ASGIApp

_GRACE_SECONDS = 1.0


def free_socket() -> socket.socket:
    """A socket bound to a free port; named as TCP, so that asyncio turns Nagle's algorithm off."""
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    found.bind(("127.0.0.1", 0))
    return found


@asynccontextmanager
async def serving(
    app: ASGIApp, listener: socket.socket, *, lifespan: Literal["on", "off"] = "off"
) -> AsyncIterator[None]:
    """Serve until the block ends."""
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan=lifespan)
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listener])
    await server.on_tick(0)  # the headers that every answer has
    try:
        yield
    finally:
        await _ended(server)


async def _ended(server: uvicorn.Server) -> None:
    """What uvicorn does at its end, without its pauses: each of hundreds of tests would wait for them."""
    state = server.server_state
    for one in server.servers:
        one.close()
    for connection in list(state.connections):
        connection.shutdown()
    try:
        async with asyncio.timeout(_GRACE_SECONDS):
            while state.connections or state.tasks:  # noqa: ASYNC110  uvicorn tells nobody
                await asyncio.sleep(0.002)
    except TimeoutError:
        for task in state.tasks:
            task.cancel()
    await server.lifespan.shutdown()
