"""HTTP/1.1 posts over kept-alive connections, by callback: a tenth of a general client's cost."""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, cast
from urllib.parse import urlsplit

import httptools

# A server may close an idle connection at any moment; one that idled this long is not used again.
_IDLE_S = 3.0
_ANSWER_LIMIT = 64 * 1024


class UnusableUrlError(ValueError):
    """A webhook URL that cannot be posted to."""


class Answer(NamedTuple):
    """What came back; status 0 means that nothing did, and `problem` says why."""

    status: int
    body: bytes = b""
    problem: str = ""


class Target(NamedTuple):
    """Where a URL leads, and the beginning of every request that goes there."""

    host: str
    port: int
    secure: bool
    head: bytes

    @classmethod
    def of(cls, url: str) -> "Target":
        """The target of an http or https URL."""
        try:
            parts = urlsplit(url)
            port = parts.port or (443 if parts.scheme == "https" else 80)
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            request = f"POST {path} HTTP/1.1\r\nHost: {parts.netloc}\r\n".encode("ascii")
        except ValueError as error:
            raise UnusableUrlError(f"{url!r} is not a URL.") from error
        odd = any(character.isspace() or not character.isprintable() for character in url)
        if parts.scheme not in ("http", "https") or not parts.hostname or odd:
            raise UnusableUrlError(f"{url!r} is not an http or https URL.")
        return cls(parts.hostname, port, parts.scheme == "https", request)


@dataclass(slots=True)
class Post:
    """One request on its way. `done` is called exactly once."""

    request: bytes
    timeout_s: float
    done: Callable[[Answer], None]


class _Connection(asyncio.Protocol):
    """One connection; carries one request at a time."""

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._post: Post | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._body: list[bytes] = []
        self._headers_complete = False
        self.idle_since = 0.0

    def carry(self, post: Post) -> None:
        """Send the request; its answer goes to `post.done`."""
        if self._transport is None:
            raise RuntimeError("a connection is handed out only when it stands")
        self._post = post
        self._body.clear()
        self._headers_complete = False
        self._timer = self._pool.loop.call_later(post.timeout_s, self._give_up)
        self._transport.write(post.request)

    def is_closing(self) -> bool:
        """True when the other side has left already."""
        return self._transport is None or self._transport.is_closing()

    def close(self) -> None:
        """Drop the connection and whatever it carries."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._pool.opened(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._finish(Answer(0, problem="the answer is not HTTP"))
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._pool.forget(self)
        if self._headers_complete and exc is None:
            self._finish(Answer(self._parser.get_status_code(), b"".join(self._body)))
        else:
            self._finish(Answer(0, problem="the connection broke"))

    def on_headers_complete(self) -> None:
        self._headers_complete = True

    def on_body(self, body: bytes) -> None:
        self._body.append(body)
        if sum(map(len, self._body)) > _ANSWER_LIMIT:
            self._finish(Answer(0, problem="the answer is too long"))
            self.close()

    def on_message_complete(self) -> None:
        if self._post is None:  # an answer that nobody asked for
            self.close()
            return
        answer = Answer(self._parser.get_status_code(), b"".join(self._body))
        reusable = self._parser.should_keep_alive()
        if reusable:
            self.idle_since = self._pool.loop.time()
            self._pool.give_back(self)
        self._finish(answer)
        if not reusable:
            self.close()

    def _give_up(self) -> None:
        self._finish(Answer(0, problem="timeout"))
        self.close()

    def _finish(self, answer: Answer) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        post, self._post = self._post, None
        if post is not None:
            post.done(answer)


@dataclass(slots=True)
class Pool:
    """All connections to one host and port, at most `limit` of them; more posts wait in line."""

    target: Target
    limit: int
    loop: asyncio.AbstractEventLoop
    _idle: list[_Connection] = field(default_factory=list)
    _open: set[_Connection] = field(default_factory=set)
    _connecting: set[asyncio.Task[None]] = field(default_factory=set)
    _waiting: deque[Post] = field(default_factory=deque)

    def post(self, post: Post) -> None:
        """Send now, on a new connection, or as soon as one is free."""
        connection = self._fresh_idle()
        if connection is not None:
            connection.carry(post)
            return
        self._waiting.append(post)
        self._connect_if_needed()

    def give_back(self, connection: _Connection) -> None:
        """A connection is free again: the next in line takes it before the answer is handled."""
        if self._waiting:
            self.loop.call_soon(self._serve_waiting)
        self._idle.append(connection)

    def opened(self, connection: _Connection) -> None:
        """A connection stands; it counts against the limit until it is forgotten."""
        self._open.add(connection)

    def forget(self, connection: _Connection) -> None:
        """A connection is gone."""
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._connect_if_needed()

    async def close(self) -> None:
        """Drop everything, without answers for those who wait."""
        self._waiting.clear()
        connecting = list(self._connecting)
        for task in connecting:
            task.cancel()
        await asyncio.gather(*connecting, return_exceptions=True)
        for connection in list(self._open):
            connection.close()

    def clear(self) -> None:
        """Forget those who wait."""
        self._waiting.clear()

    def _fresh_idle(self) -> _Connection | None:
        oldest = self.loop.time() - _IDLE_S
        while self._idle:
            connection = self._idle.pop()
            if connection.idle_since > oldest and not connection.is_closing():
                return connection
            connection.close()
        return None

    def _serve_waiting(self) -> None:
        while self._waiting:
            connection = self._fresh_idle()
            if connection is None:
                self._connect_if_needed()
                return
            connection.carry(self._waiting.popleft())

    def _connect_if_needed(self) -> None:
        free = self.limit - len(self._open) - len(self._connecting)
        for _ in range(min(free, len(self._waiting) - len(self._connecting))):
            task = self.loop.create_task(self._connect())
            self._connecting.add(task)
            task.add_done_callback(self._connected)

    def _connected(self, task: asyncio.Task[None]) -> None:
        self._connecting.discard(task)
        self._connect_if_needed()

    async def _connect(self) -> None:
        target = self.target
        secure = ssl.create_default_context() if target.secure else None
        try:
            async with asyncio.timeout(5):
                _, connection = await self.loop.create_connection(
                    lambda: _Connection(self), target.host, target.port, ssl=secure
                )
        except OSError as error:  # TimeoutError is one of them
            if self._waiting:
                problem = f"no connection: {error.strerror or type(error).__name__}"
                self._waiting.popleft().done(Answer(0, problem=problem))
            return
        connection.idle_since = self.loop.time()
        self._idle.append(connection)
        self._serve_waiting()
