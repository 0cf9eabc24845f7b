"""Doors that do less than ours: `nothing` stores nothing, `insert` writes and commits one by one.

Both check the signature and parse the body, as ours does.
"""

import hashlib
import hmac
import os
import sys
from typing import Any

import asyncpg
import orjson
import uvicorn
import uvloop

from tests.load.generator import SECRET

_MAKE = "CREATE TABLE IF NOT EXISTS public.peer_inbound (id text PRIMARY KEY, body bytea NOT NULL)"
_INSERT = "INSERT INTO public.peer_inbound VALUES ($1, $2) ON CONFLICT DO NOTHING"
_HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"10")]


class Door:
    """A bare ASGI route. `url`: where each body is stored, or none."""

    def __init__(self, url: str | None) -> None:
        self._pool = None if url is None else asyncpg.create_pool(url, min_size=1, max_size=10)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one webhook."""
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        signature = hashlib.sha1(SECRET.encode() + body, usedforsecurity=False).hexdigest()
        given = dict(scope["headers"]).get(b"x-douyin-signature", b"")
        is_ours = hmac.compare_digest(signature.encode(), given)
        found = orjson.loads(body)
        if is_ours and self._pool is not None:
            await self._pool.execute(_INSERT, found["content"]["server_message_id"], body)
        status = 200 if is_ours else 401
        await send({"type": "http.response.start", "status": status, "headers": _HEADERS})
        await send({"type": "http.response.body", "body": b'{"code":0}'})

    async def open(self) -> None:
        """Make what is written to."""
        if self._pool is not None:
            await self._pool
            await self._pool.execute(_MAKE)


async def serve(kind: str, port: int) -> None:
    """Serve until stopped."""
    url = os.environ["DATABASE_URL"].replace("+asyncpg", "") if kind == "insert" else None
    door = Door(url)
    await door.open()
    config = uvicorn.Config(
        door,
        host="127.0.0.1",
        port=port,
        http="httptools",
        lifespan="off",
        access_log=False,
        log_level="warning",
        server_header=False,
        date_header=False,
        backlog=4096,
    )
    await uvicorn.Server(config).serve()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], int(sys.argv[2])))
