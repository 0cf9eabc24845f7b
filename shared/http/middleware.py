"""Pure ASGI: a request id on everything, a byte limit before anything, strict JSON text."""

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import ids
from shared.observability import metrics

MOST_BYTES = 1024 * 1024


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
        try:
            if not declared.isdigit() or int(declared) > self._most:
                raise _TooLarge
            await self._app(scope, _counted(receive, self._most), answer.send)
        except _TooLarge:
            if not answer.started:
                await _refuse(scope, answer.send, answer.request_id)


class _Answer:
    """The answer on its way: named, and counted."""

    def __init__(self, send: Send, service: str) -> None:
        self._send, self._service = send, service
        self.request_id = ids.new("req")
        self.started = False

    async def send(self, message: Message) -> None:
        """Hand one message of the answer on."""
        if message["type"] == "http.response.start":
            self.started = True
            name = (b"request-id", self.request_id.encode())
            message["headers"] = [*message.get("headers", ()), name]
            metrics.http_requests.labels(self._service, str(message["status"])).inc()
        await self._send(message)


def _counted(receive: Receive, most: int) -> Receive:
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > most:
            raise _TooLarge
        return message

    return counted


async def _refuse(scope: Scope, send: Send, request_id: str) -> None:
    body = orjson.dumps(
        {
            "type": "/problems/too_large",
            "title": "Request too large",
            "status": 413,
            "detail": f"at most {MOST_BYTES} bytes",
            "instance": scope["path"],
            "code": "too_large",
            "request_id": request_id,
            "retryable": False,
        }
    )
    headers = [(b"content-type", b"application/problem+json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})
