"""Pure ASGI: a request id on everything, a byte limit before anything, no NUL in addresses."""

from contextlib import suppress

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import ids
from shared.observability import metrics

MOST_BYTES = 1024 * 1024
_TITLES = {"bad_request": "Bad request", "too_large": "Request too large"}


class _TooLarge(Exception):
    pass


class Doorkeeper:
    """Counts bytes (declared and received), names the request, counts the answers."""

    def __init__(self, app: ASGIApp, service: str, most: int = MOST_BYTES) -> None:
        self._app, self._service, self._most = app, service, most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send, self._service)
        scope["siyu.request_id"] = answer.request_id
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if b"%00" in scope["query_string"] or "\0" in scope["path"]:
            await answer.refuse(scope, 400, "bad_request", "an address must not contain NUL")
            return
        if declared.isdigit() and int(declared) <= self._most:
            with suppress(_TooLarge):
                await self._app(scope, answer.counted(receive, self._most), answer.send)
        else:
            answer.is_too_large = True
        if answer.is_too_large and not answer.started:
            await answer.refuse(scope, 413, "too_large", f"at most {self._most} bytes")


class _Answer:
    """The answer on its way: named, and counted."""

    def __init__(self, send: Send, service: str) -> None:
        self._send, self._service = send, service
        self.request_id = ids.new("req")
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
        await self._hand_on(message)

    async def _hand_on(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            name = (b"request-id", self.request_id.encode())
            message["headers"] = [*message.get("headers", ()), name]
            metrics.child(metrics.http_requests, self._service, str(message["status"])).inc()
        await self._send(message)

    async def refuse(self, scope: Scope, status: int, code: str, detail: str) -> None:
        """Answer in place of the app."""
        body = orjson.dumps(
            {
                "type": f"/problems/{code}",
                "title": _TITLES[code],
                "status": status,
                "detail": detail,
                "instance": scope["path"],
                "code": code,
                "request_id": self.request_id,
                "retryable": False,
            }
        )
        headers = [(b"content-type", b"application/problem+json"), (b"connection", b"close")]
        start = {"type": "http.response.start", "status": status, "headers": headers}
        await self._hand_on(start)
        await self._hand_on({"type": "http.response.body", "body": body})
