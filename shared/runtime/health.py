"""`/livez`, `/readyz`, `/metrics`: on every process, before any routing."""

import asyncio
from collections.abc import Callable

import orjson
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from shared import ids
from shared.db.engine import ALL_TENANTS, Database
from shared.db.migrations import missing_revision
from shared.errors import NeighbourAway, NotFound
from shared.http.errors import refusal
from shared.observability import metrics
from shared.queue import Streams


class Health:
    """Answers health questions, hands everything else on. Redis down means degraded, but ready.

    `standing_still` names loops that should turn and do not; while Redis is away they may wait.
    """

    def __init__(
        self,
        app: ASGIApp | None,
        databases: list[Database],
        streams: Streams,
        standing_still: Callable[[], list[str]],
    ) -> None:
        self._app, self._databases, self._streams = app, databases, streams
        self._standing_still = standing_still
        self._unchecked = list(databases)  # whose schema was not seen to be new enough yet
        self.draining = False
        self.when_draining: Callable[[], None] = lambda: None

    def drain(self) -> None:
        """Asked to stop: not ready any more, and whoever must end something is told."""
        self.draining = True
        self.when_draining()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        path = scope.get("path") if scope["type"] == "http" else None
        if path == "/livez":
            await _answer(send, 200, b'{"status":"alive"}')
        elif path == "/readyz":
            status, body = await self._ready()
            await _answer(send, status, orjson.dumps(body))
        elif path == "/metrics":
            await _answer(send, 200, metrics.render(), b"text/plain; version=0.0.4; charset=utf-8")
        elif self._app is not None:
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            scope["siyu.request_id"] = name = ids.new("req")
            refused = refusal(
                Request(scope), NotFound("nothing but health is asked here"), request_id=name
            )
            await refused(scope, receive, send)

    async def _ready(self) -> tuple[int, dict[str, object]]:
        checks = {"postgresql": await self._postgresql()}
        try:
            async with asyncio.timeout(0.5):
                await self._streams.ping()
            checks["redis"] = "ok"
            still = self._standing_still()
        except (NeighbourAway, TimeoutError):
            checks["redis"], still = "away", []
        checks["loops"] = f"standing still: {', '.join(still)}" if still else "ok"
        if self.draining:
            checks["process"] = "draining"
        ready = checks["postgresql"] == checks["loops"] == "ok" and not self.draining
        state = (
            "ready" if ready and checks["redis"] == "ok" else "degraded" if ready else "not ready"
        )
        return (200 if ready else 503), {"status": state, "checks": checks}

    async def _postgresql(self) -> str:
        try:
            async with asyncio.timeout(0.5), self._databases[0].transaction(ALL_TENANTS):
                pass
            while self._unchecked:
                if revision := await missing_revision(self._unchecked[-1]):
                    return f"{self._unchecked[-1].schema} lacks {revision}: siyu migrate"
                self._unchecked.pop()
        except (NeighbourAway, TimeoutError):
            return "away"
        return "ok"


async def _answer(send: Send, status: int, body: bytes, kind: bytes = b"application/json") -> None:
    headers = [(b"content-type", kind), (b"request-id", ids.new("req").encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
