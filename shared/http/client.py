"""Calls out: `JsonClient` asks our own services, `OneTry` speaks to the outside exactly once a call.

The only place that imports httpx2 and aiohttp, with `fence` beside it.
"""

import asyncio
import io
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Self

import aiohttp
import httpx2
from opentelemetry.trace import SpanKind
from prometheus_client import Histogram

from shared.errors import NeighbourAway
from shared.failpoints import failpoint
from shared.http.fence import BehindFence, Fence
from shared.observability import metrics, semantics, tracing

_POSTED = {semantics.HTTP_METHOD: "POST"}
_LARGE = 256 * 1024  # bytes of a request that are written at once
MOST_BYTES = 1024 * 1024  # of an answer; whoever says more is not listened to
_OUR_OWN = aiohttp.ClientTimeout(total=5, connect=2)
# What one of our services answers to a request that it takes for wrong, or breaks over. Any other
# status holds for all requests: it has no room, takes no key of ours, or is somebody else.
_OF_THIS_REQUEST = {400, 409, 413, 415, 422, 500}


class NeighbourRefuses(Exception):
    """One of our own services will not answer this request, while others may well be answered."""


class JsonClient:
    """Asks one of our own services. No answer is NeighbourAway; a refused request is NeighbourRefuses.

    In the same process (`app`) no socket is touched. Over sockets aiohttp does it for a fifth of the CPU
    that httpx2 takes, and a batch of messages is asked about many times a second.
    """

    def __init__(self, base_url: str, *, app: Any = None, most_bytes: int = MOST_BYTES) -> None:
        self.base = base_url.rstrip("/")
        self._most_bytes = most_bytes
        self._session: aiohttp.ClientSession | None = None
        self._local: httpx2.AsyncClient | None = None
        if app is not None:
            transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
            self._local = httpx2.AsyncClient(transport=transport, base_url=base_url)

    async def post(self, path: str, body: bytes, *, token: str) -> bytes:
        """The answer's body. Raises NeighbourRefuses, or NeighbourAway, for anything but a 200."""
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        with tracing.span(f"POST {path}", SpanKind.CLIENT, _POSTED):
            headers |= tracing.headers()
            status, content = await self.ask("POST", path, headers, body)
        if status in _OF_THIS_REQUEST:
            raise NeighbourRefuses(path, status)
        if status != HTTPStatus.OK:
            raise NeighbourAway("a service could not answer", neighbour=path, answered=status)
        return content

    async def ask(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> tuple[int, bytes]:
        """Status and body, whatever they are. Raises NeighbourAway without an answer, or with a huge one."""
        try:
            if self._local is not None:
                answer = await self._local.request(
                    method, path, content=body, headers=dict(headers)
                )
                return answer.status_code, answer.content  # our own process: read already
            if self._session is None:
                self._session = _new_session(most_at_once=100)
            if self._session.closed:
                raise aiohttp.ClientConnectionError("the client is closed")
            async with self._session.request(
                method,
                self.base + path,
                data=body,
                headers=headers,
                timeout=_OUR_OWN,
                allow_redirects=False,
            ) as response:
                content = await _read(response, self._most_bytes)
        except (httpx2.HTTPError, aiohttp.ClientError, OSError) as error:
            raise NeighbourAway("a service gave no answer", neighbour=path) from error
        if content is None:
            raise NeighbourAway("a service's answer has no end", neighbour=path)
        return response.status, content

    async def close(self) -> None:
        """Close the connections."""
        if self._local is not None:
            await self._local.aclose()
        if self._session is not None:
            await self._session.close()


def _new_session(*, most_at_once: int, fence: Fence | None = None) -> aiohttp.ClientSession:
    how = fence.connecting() if fence else {"ttl_dns_cache": 60}
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=most_at_once, keepalive_timeout=4, **how),
        auto_decompress=False,
        trust_env=False,
        cookie_jar=aiohttp.DummyCookieJar(),
    )


async def _read(response: aiohttp.ClientResponse, most: int) -> bytes | None:
    """The whole body, or None when it is longer than `most`: what is left unread ends the connection."""
    announced = response.content_length
    if announced is not None:
        return await response.read() if announced <= most else None
    parts, size = [], 0
    while part := await response.content.read(most):
        size += len(part)
        if size > most:
            return None
        parts.append(part)
    return b"".join(parts)


class NotSent(Exception):
    """No byte of the request left: it may be tried again."""


class AddressRefused(NotSent):
    """The host leads to an address behind the fence."""


class MaybeSent(Exception):
    """The request may have been executed: nobody knows. `reason` is a stable word."""

    reason = "no_answer"


class AnswerTooLarge(MaybeSent):
    """An answer began that is longer than anybody should read."""

    reason = "answer_too_large"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, uninterpreted."""

    status: int
    body: bytes
    retry_after: str | None = None  # as it was written


class OneTry:
    """An HTTP client that never repeats a call and says which failures are ambiguous."""

    def __init__(
        self,
        *,
        most_at_once: int = 128,
        most_bytes: int = MOST_BYTES,
        connect_seconds: float = 2.0,
        fence: Fence | None = None,
        timer: Histogram = metrics.outgoing_seconds,
    ) -> None:
        self._most, self._most_bytes = most_at_once, most_bytes
        self._connect_seconds, self._fence, self._timer = connect_seconds, fence, timer
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = _new_session(most_at_once=self._most, fence=self._fence)
        # aiohttp would repeat a GET on a kept connection that turned out to be dead, untold
        self._session._retry_connection = False  # noqa: SLF001
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], *, seconds: float
    ) -> Answer:
        """One POST within `seconds`. Raises NotSent or MaybeSent; any HTTP status is an answer."""
        return await self._request("POST", url, body, headers, seconds)

    async def get(self, url: str, headers: Mapping[str, str], *, seconds: float) -> Answer:
        """One GET within `seconds`. Raises NotSent or MaybeSent; any HTTP status is an answer."""
        return await self._request("GET", url, None, headers, seconds)

    async def _request(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str], seconds: float
    ) -> Answer:
        if self._session is None:
            raise NotSent("the client is closed")
        # a large body is written in parts, or the event loop would stand still
        data = io.BytesIO(body) if body is not None and len(body) > _LARGE else body
        connect = self._connect_seconds
        limits = aiohttp.ClientTimeout(
            total=seconds, connect=min(connect, seconds), sock_connect=connect
        )
        await failpoint("send.before_write")
        began = time.perf_counter()
        try:
            async with self._session.request(
                method, url, data=data, headers=headers, timeout=limits, allow_redirects=False
            ) as response:
                await failpoint("send.after_write")
                content = await _read(response, self._most_bytes)
                await failpoint("send.after_read")
        except (
            aiohttp.ClientConnectorError,
            aiohttp.ConnectionTimeoutError,
            aiohttp.InvalidURL,
        ) as error:
            if isinstance(getattr(error, "os_error", None), BehindFence):
                raise AddressRefused from error
            raise NotSent(repr(error)) from error
        except (aiohttp.ClientError, TimeoutError, OSError, asyncio.IncompleteReadError) as error:
            raise MaybeSent(repr(error)) from error
        finally:
            self._timer.observe(time.perf_counter() - began)
        if content is None:
            raise AnswerTooLarge
        return Answer(response.status, content, response.headers.get("Retry-After"))
