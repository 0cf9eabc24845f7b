"""Bare ASGI: reading a body within its limit and writing an answer in two messages."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]  # Any: ASGI's own definition
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

JSON = b"application/json"
HTML = b"text/html; charset=utf-8"


class BodyTooLargeError(Exception):
    """The body is longer than the endpoint takes."""


class ClientLeftError(Exception):
    """The caller went away before its request was complete."""


async def read_body(receive: Receive, limit: int) -> bytes:
    """The whole body, of at most `limit` bytes."""
    message = await receive()
    body: bytes = message.get("body", b"")
    if message.get("more_body"):
        parts, size = [body], len(body)
        while message.get("more_body") and size <= limit:
            message = await receive()
            parts.append(message.get("body", b""))
            size += len(parts[-1])
        body = b"".join(parts)
    if message["type"] == "http.disconnect":
        raise ClientLeftError
    if len(body) > limit:
        raise BodyTooLargeError
    return body


async def answer(send: Send, body: bytes, *, status: int = 200, kind: bytes = JSON) -> None:
    """One complete answer."""
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def header(scope: Scope, name: bytes) -> str:
    """One request header; empty if absent."""
    for key, value in scope["headers"]:
        if key == name:
            text: str = value.decode("latin-1")
            return text
    return ""
