"""The door: `POST /douyin/webhooks/{client_key}`, bare ASGI, checks in one fixed order (security.md §3)."""

import asyncio
import json
from typing import Any, Final

import structlog
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from services.douyin.actions.directory import App
from services.douyin.actions.intake import IntakeDesk
from services.douyin.domain.signature import is_signed
from services.douyin.domain.strict_json import NotStrict, parse_object
from services.douyin.domain.webhooks import VERIFY, read
from shared import ids
from shared.errors import (
    AppError,
    BadRequest,
    MethodNotAllowed,
    NeighbourAway,
    NotFound,
    TooLarge,
    TooSlow,
    Unauthenticated,
)
from shared.failpoints import failpoint
from shared.http.errors import fault, refusal
from shared.observability import metrics

log = structlog.get_logger()

PREFIX: Final = "/douyin/webhooks/"
MOST_BYTES: Final = 256 * 1024
BODY_SECONDS: Final = 3.0  # for the whole body: the platform gives up on us sooner than that
_MOST_HEADER: Final = 200
_TAKEN: Final = b'{"code":0}'
_JSON: Final = (b"content-type", b"application/json")
_TEN: Final = (b"content-length", b"10")  # bytes of _TAKEN


class _Gone(Exception):
    """The client left before it had sent its body."""


class Door:
    """Answers 200 only for what is stored."""

    def __init__(self, desk: IntakeDesk) -> None:
        self._desk = desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request_id = scope["siyu.request_id"] = ids.new("req")
        try:
            answer = await self._serve(scope, receive)
        except _Gone:
            return
        except Exception as error:  # noqa: BLE001  no framework stands behind this door
            asked = Request(scope, receive)
            reason = error if isinstance(error, AppError) else fault(asked, error)
            metrics.child(metrics.webhooks, reason.code).inc()
            await _refuse(reason, scope, receive, send)
            return
        await failpoint("inbox.before_200")
        named = (b"request-id", request_id.encode())
        headers, body = [_JSON, _TEN, named], _TAKEN
        if answer is not None:
            headers, body = [_JSON, named], json.dumps(answer).encode()
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _serve(self, scope: Scope, receive: Receive) -> dict[str, Any] | None:
        if scope["method"] != "POST":
            raise MethodNotAllowed
        headers: dict[bytes, bytes] = dict(scope["headers"])
        body = await _read(headers, receive)
        app = await self._desk.directory.app(scope["path"].removeprefix(PREFIX))
        if app is None:
            raise NotFound("no Douyin app of that client key is configured")
        if not is_signed(body, headers.get(b"x-douyin-signature", b""), app.secrets):
            raise Unauthenticated("the signature is not right")
        parsed = _parse(body, app)
        if parsed.get("event") == VERIFY:
            metrics.child(metrics.webhooks, "verified").inc()
            return {"challenge": _challenge(parsed)}
        header = headers.get(b"msg-id")
        name = header.decode("latin-1")[:_MOST_HEADER] if header else None
        await self._desk.accept(app, read(parsed), body, name)
        return None


async def _read(headers: dict[bytes, bytes], receive: Receive) -> bytes:
    declared = headers.get(b"content-length", b"0")
    if not declared.isdigit() or int(declared) > MOST_BYTES:
        raise TooLarge(f"at most {MOST_BYTES} bytes")
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _read_all(receive)
    except TimeoutError as late:
        raise TooSlow(f"the body must arrive within {BODY_SECONDS:g} seconds") from late


async def _read_all(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        part: bytes = message.get("body", b"")
        body += part
        if len(body) > MOST_BYTES:
            raise TooLarge(f"at most {MOST_BYTES} bytes")
        if not message.get("more_body"):
            return body


def _parse(body: bytes, app: App) -> dict[str, Any]:
    try:
        parsed = parse_object(body)
    except NotStrict as wrong:
        raise BadRequest(f"the body is not acceptable JSON: {wrong}") from wrong
    if parsed.get("client_key") != app.client_key:
        raise BadRequest("client_key in the body differs from the path")
    return parsed


def _challenge(parsed: dict[str, Any]) -> object:
    content = read(parsed).content or {}
    challenge = content.get("challenge")
    if challenge is None or not isinstance(challenge, int | str) or isinstance(challenge, bool):
        raise BadRequest("the verification carries no challenge")
    return challenge


async def _refuse(error: AppError, scope: Scope, receive: Receive, send: Send) -> None:
    headers = {"request_id": scope["siyu.request_id"]}
    if isinstance(error, MethodNotAllowed):
        headers["allow"] = "POST"
    elif isinstance(error, Unauthenticated):
        headers["www_authenticate"] = "X-Douyin-Signature"  # no API key opens this door
    elif isinstance(error, TooLarge | TooSlow):
        headers["connection"] = "close"
    elif isinstance(error, NeighbourAway):
        log.info("webhook_not_stored", reason=error.detail)
    response = refusal(Request(scope, receive), error, **headers)
    await response(scope, receive, send)
