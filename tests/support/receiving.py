"""A receiver of webhooks on a real loopback socket: it remembers what came, and answers what it is told to."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from standardwebhooks.webhooks import Webhook
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tests.support.serving import free_socket, serving


@dataclass(frozen=True)
class Got:
    """One request."""

    headers: dict[str, str]
    body: bytes
    path: str

    @property
    def id(self) -> str:
        """What a receiver de-duplicates on."""
        return self.headers["webhook-id"]

    def verified(self, secret: str) -> dict[str, Any]:
        """The payload. Raises where the reference library would."""
        found: dict[str, Any] = Webhook(secret).verify(self.body, self.headers)
        return found


@dataclass
class Receiver:
    """Answers 200, or what stands first in `answers`, after `seconds`."""

    url: str
    got: list[Got] = field(default_factory=list)
    answers: deque[Response] = field(default_factory=deque)
    seconds: float = 0
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, as ASGI."""
        request = Request(scope, receive)
        self.got.append(Got(dict(request.headers), await request.body(), request.url.path))
        self.heard.set()
        await asyncio.sleep(self.seconds)
        answer = self.answers.popleft() if self.answers else Response()
        await answer(scope, receive, send)

    def answers_with(self, *statuses: int, **headers: str) -> None:
        """Answer the next requests with these."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers.extend(Response(status_code=status, headers=named) for status in statuses)


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """Serve until the block ends."""
    listener = free_socket()
    receiver = Receiver(f"http://127.0.0.1:{listener.getsockname()[1]}")
    async with serving(receiver, listener):
        yield receiver
