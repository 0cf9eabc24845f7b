"""Pure ASGI around every API: a request id on everything, a limit of bytes and of time for bodies, no NUL.

What was read is answered with its ETag, or with 304 when the caller has it already.
"""

import asyncio
import hashlib
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import ids
from shared.errors import AppError, BadRequest, TooLarge, TooSlow
from shared.http.errors import refusal
from shared.http.limits import headers_of
from shared.http.versions import is_known
from shared.observability import metrics

MOST_BYTES = 1024 * 1024
BODY_SECONDS = (
    10.0  # for a whole body; what may be larger gets a second more for each half megabyte
)
_BYTES_A_SECOND = 512 * 1024


class _Unread(Exception):
    """The rest of the body is not taken."""


class Doorkeeper:
    """Limits bodies (bytes declared and received, seconds), names the request, counts the answers."""

    def __init__(
        self,
        app: ASGIApp,
        service: str,
        larger: Mapping[str, int] | None = None,
        *,
        body_seconds: float = BODY_SECONDS,
    ) -> None:
        self._app, self._service, self._seconds = app, service, body_seconds
        self._larger = dict(larger or {})  # how a path ends → how many bytes it takes

    def _most(self, path: str) -> int:
        return next((n for ending, n in self._larger.items() if path.endswith(ending)), MOST_BYTES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(scope, send, self._service)
        most = self._most(scope["path"])
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if b"%00" in scope["query_string"] or "\0" in scope["path"]:
            await answer.refuse(BadRequest("an address must not contain NUL"), receive)
            return
        if declared.isdigit() and int(declared) <= most:
            seconds = self._seconds + (most - MOST_BYTES) / _BYTES_A_SECOND
            await self._serve(answer, receive, most, seconds)
        else:
            answer.unread = TooLarge(f"at most {most} bytes")
        if answer.unread is not None and not answer.started:
            await answer.refuse(answer.unread, receive)

    async def _serve(self, answer: "_Answer", receive: Receive, most: int, seconds: float) -> None:
        try:
            await self._app(answer.scope, answer.limited(receive, most, seconds), answer.send)
        except _Unread:
            pass  # said by the answer
        except Exception:
            # the framework raises again what it has answered and we have logged
            if not answer.is_whole:
                raise


class _Answer:
    """The answer on its way: named, counted, and left out where the caller has it."""

    def __init__(self, scope: Scope, send: Send, service: str) -> None:
        self.scope, self._send, self._service = scope, send, service
        self._request_id = scope["siyu.request_id"] = ids.new("req")
        self._start: Message | None = None  # of a read, until its body says its tag
        self.started = self.is_whole = False
        self.unread: AppError | None = None  # why the body was not read to its end

    def limited(self, receive: Receive, most: int, seconds: float) -> Receive:
        """The request, until it is too large or takes too long."""
        seen, ends = 0, asyncio.get_running_loop().time() + seconds
        has_more = True

        async def limited() -> Message:
            nonlocal seen, has_more
            if not has_more:
                return await receive()  # whether the client went away: for as long as we serve it
            try:
                async with asyncio.timeout_at(ends):
                    message = await receive()
            except TimeoutError:
                self.unread = TooSlow(f"the body must arrive within {seconds:g} seconds")
                raise _Unread from None
            seen += len(message.get("body", b""))
            if seen > most:
                self.unread = TooLarge(f"at most {most} bytes")
                raise _Unread
            has_more = message.get("more_body", False)
            return message

        return limited

    async def send(self, message: Message) -> None:
        """Hand one message of the answer on."""
        if self.unread is not None and not self.started:
            return  # what the app makes of half a body is not the reason
        if self._start is not None:
            message = await self._conditional(self._start, message)
        elif message["type"] == "http.response.start" and self._is_read(message):
            self._start = message
            return
        await self._hand_on(message)

    def _is_read(self, start: Message) -> bool:
        return bool(self.scope["method"] == "GET" and start["status"] == 200)

    async def _conditional(self, start: Message, body: Message) -> Message:
        """The start of a read goes out with a tag, its body only to whom it is news."""
        self._start = None
        headers = MutableHeaders(raw=start["headers"])
        if "etag" not in headers and not body.get("more_body"):
            digest = hashlib.blake2b(body.get("body", b""), digest_size=12).hexdigest()
            headers["etag"] = f'"{digest}"'
        if is_known(Headers(scope=self.scope), headers.get("etag")):
            start["status"], body = 304, {"type": "http.response.body", "body": b""}
            for name in ("content-length", "content-type"):
                del headers[name]
        await self._hand_on(start)
        return body

    async def _hand_on(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            more = [(b"request-id", self._request_id.encode()), *headers_of(self.scope)]
            message["headers"] = [*message.get("headers", ()), *more]
            metrics.child(metrics.http_requests, self._service, str(message["status"])).inc()
        elif not message.get("more_body"):
            self.is_whole = True
        await self._send(message)

    async def refuse(self, error: AppError, receive: Receive) -> None:
        """Answer in place of the app."""
        response = refusal(Request(self.scope), error, connection="close")
        await response(self.scope, receive, self._hand_on)
