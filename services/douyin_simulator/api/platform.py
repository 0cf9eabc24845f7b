"""Douyin's own paths. Business errors are HTTP 200, as on the platform."""

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson

from services.douyin_simulator.actions import controls, tokens
from services.douyin_simulator.actions.sending import Call, send_message
from services.douyin_simulator.actions.world import World
from services.douyin_simulator.api.envelopes import e1, e3
from services.douyin_simulator.api.failing import answer_send
from services.douyin_simulator.api.http import (
    BodyTooLargeError,
    ClientLeftError,
    Receive,
    Scope,
    Send,
    answer,
    header,
    read_body,
)
from services.douyin_simulator.domain import codes

_BODY_LIMIT: Final = 1024 * 1024

Grant = Callable[[World, dict[str, str]], tokens.Payload | int]
GRANTS: Final[dict[str, Grant]] = {
    "/oauth/client_token/": tokens.client_token,
    "/oauth/access_token/": tokens.access_token,
    "/oauth/refresh_token/": tokens.refresh_token,
    "/oauth/renew_refresh_token/": tokens.renew_refresh_token,
}


class PlatformApi:
    """The platform as an ASGI app."""

    def __init__(self, world: World) -> None:
        """Serve this world."""
        self._world = world
        self._number = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        self._number += 1
        try:
            body = await read_body(receive, _BODY_LIMIT)
        except ClientLeftError:
            return
        except BodyTooLargeError:
            await self._refuse(send, codes.ILLEGAL_PARAMETER, status=413)
            return
        route = (scope["method"], scope["path"])
        if route == ("POST", "/im/send/msg/"):
            await self._send_message(scope, receive, send, body)
        elif route[0] == "POST" and route[1] in GRANTS:
            await self._grant(scope, send, body)
        elif route == ("GET", "/event/status/list/"):
            await self._list_events(scope, send)
        elif route == ("POST", "/event/status/update/"):
            await self._switch_events(scope, send, body)
        else:
            await self._refuse(send, codes.UNKNOWN_PATH, status=404)

    async def _send_message(self, scope: Scope, receive: Receive, send: Send, body: bytes) -> None:
        call = Call(_open_id(scope), header(scope, b"access-token"), body)
        verdict = send_message(self._world, call)
        envelope = self._world.manners.error_envelope
        await answer_send(verdict, self._number, envelope, receive, send)

    async def _grant(self, scope: Scope, send: Send, body: bytes) -> None:
        fields = _fields(header(scope, b"content-type"), body)
        granted = GRANTS[scope["path"]](self._world, fields)
        code, payload = (granted, None) if isinstance(granted, int) else (0, granted)
        if code:
            self._world.tally.refused[code] += 1
        await answer(send, e3(code, self._world.now_ms(), self._number, payload))

    async def _list_events(self, scope: Scope, send: Send) -> None:
        token = tokens.check_client_token(self._world, header(scope, b"access-token"))
        if isinstance(token, int):
            await self._refuse(send, token)
            return
        listed = {"list": controls.subscriptions(self._world, token.client_key)}
        await answer(send, e1(0, self._world.now_ms(), self._number, listed))

    async def _switch_events(self, scope: Scope, send: Send, body: bytes) -> None:
        token = tokens.check_client_token(self._world, header(scope, b"access-token"))
        if isinstance(token, int):
            await self._refuse(send, token)
            return
        wanted = _switches(body)
        if wanted is None or not controls.subscribe(self._world, token.client_key, wanted):
            await self._refuse(send, codes.ILLEGAL_PARAMETER)
            return
        listed = {"list": controls.subscriptions(self._world, token.client_key)}
        await answer(send, e1(0, self._world.now_ms(), self._number, listed))

    async def _refuse(self, send: Send, code: int, *, status: int = 200) -> None:
        self._world.tally.refused[code] += 1
        await answer(send, e1(code, self._world.now_ms(), self._number), status=status)


def _open_id(scope: Scope) -> str:
    query: bytes = scope["query_string"]
    if query.startswith(b"open_id=") and not {37, 38, 43} & set(query):  # no % & +
        return query[8:].decode("latin-1")
    return dict(parse_qsl(query.decode("latin-1"))).get("open_id", "")


def _fields(content_type: str, body: bytes) -> dict[str, str]:
    """The fields of a form or a JSON body; what is not text is left out."""
    if content_type.startswith("application/x-www-form-urlencoded"):
        return dict(parse_qsl(body.decode("utf-8", errors="replace")))
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    if not isinstance(parsed, dict):
        return {}
    return {name: value for name, value in parsed.items() if isinstance(value, str)}


def _switches(body: bytes) -> dict[str, bool] | None:
    try:
        wanted: Any = orjson.loads(body)["list"]  # Any: foreign JSON, checked by what follows
        return {_event_name(one["event"]): {0: False, 1: True}[one["status"]] for one in wanted}
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None


def _event_name(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value
