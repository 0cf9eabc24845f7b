"""Pure ASGI around every API: a request id on everything, a byte limit before anything, no NUL.

What was read is answered with its ETag, or with 304 when the caller has it already.
"""

import hashlib
from collections.abc import Mapping
from contextlib import suppress

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import ids
from shared.errors import AppError, BadRequest, TooLarge
from shared.http.errors import refusal
from shared.http.limits import headers_of
from shared.http.versions import is_known
from shared.observability import metrics

MOST_BYTES = 1024 * 1024


class _TooLarge(Exception):
    pass


class Doorkeeper:
    """Counts bytes (declared and received), names the request, counts the answers."""

    def __init__(self, app: ASGIApp, service: str, larger: Mapping[str, int] | None = None) -> None:
        self._app, self._service = app, service
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
            with suppress(_TooLarge):
                await self._app(scope, answer.counted(receive, most), answer.send)
        else:
            answer.is_too_large = True
        if answer.is_too_large and not answer.started:
            await answer.refuse(TooLarge(f"at most {most} bytes"), receive)


class _Answer:
    """The answer on its way: named, counted, and left out where the caller has it."""

    def __init__(self, scope: Scope, send: Send, service: str) -> None:
        self._scope, self._send, self._service = scope, send, service
        self._request_id = scope["siyu.request_id"] = ids.new("req")
        self._start: Message | None = None  # of a read, until its body says its tag
        self.started = False
        self.is_too_large = False

    def counted(self, receive: Receive, most: int) -> Receive:
        """The request, until it is too large."""
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > most:
                self.is_too_large = True
                raise _TooLarge
            return message

        return counted

    async def send(self, message: Message) -> None:
        """Hand one message of the answer on."""
        if self.is_too_large and not self.started:
            return  # what the app makes of half a body is not the reason
        if self._start is not None:
            message = await self._conditional(self._start, message)
        elif message["type"] == "http.response.start" and self._is_read(message):
            self._start = message
            return
        await self._hand_on(message)

    def _is_read(self, start: Message) -> bool:
        return bool(self._scope["method"] == "GET" and start["status"] == 200)

    async def _conditional(self, start: Message, body: Message) -> Message:
        """The start of a read goes out with a tag, its body only to whom it is news."""
        self._start = None
        headers = MutableHeaders(raw=start["headers"])
        if "etag" not in headers and not body.get("more_body"):
            digest = hashlib.blake2b(body.get("body", b""), digest_size=12).hexdigest()
            headers["etag"] = f'"{digest}"'
        if is_known(Headers(scope=self._scope), headers.get("etag")):
            start["status"], body = 304, {"type": "http.response.body", "body": b""}
            for name in ("content-length", "content-type"):
                del headers[name]
        await self._hand_on(start)
        return body

    async def _hand_on(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            more = [(b"request-id", self._request_id.encode()), *headers_of(self._scope)]
            message["headers"] = [*message.get("headers", ()), *more]
            metrics.child(metrics.http_requests, self._service, str(message["status"])).inc()
        await self._send(message)

    async def refuse(self, error: AppError, receive: Receive) -> None:
        """Answer in place of the app."""
        response = refusal(Request(self._scope), error, connection="close")
        await response(self._scope, receive, self._hand_on)
