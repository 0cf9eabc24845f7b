"""Routers of every API: a JSON body is taken only when it says one thing, in one way."""

import json
from collections.abc import Callable, Coroutine
from email.message import Message
from math import isfinite
from typing import Any, NoReturn

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from shared.errors import AppError, BadRequest, UnsupportedMediaType

MOST_DEPTH = 64
_SHOWN = 100  # characters of a name that somebody else chose


class Router(APIRouter):
    """FastAPI's router, with bodies read strictly. Every service uses this one."""

    def __init__(self, **options: Any) -> None:
        super().__init__(route_class=_StrictRoute, **options)


def serve(app: FastAPI, router: APIRouter) -> None:
    """Let `app` answer what `router` does.

    Its routes are taken as they are: `include_router` would make each of them anew for every app, which
    costs more than all else that building an app does.
    """
    app.router.routes.extend(router.routes)


class _StrictRequest(Request):
    refusal: AppError | None = None

    async def body(self) -> bytes:
        body = await super().body()
        if body and not _is_json(self.headers.get("content-type", "")):
            self.refusal = UnsupportedMediaType("send the body as Content-Type: application/json")
            raise self.refusal
        return body

    async def json(self) -> object:
        try:
            return parse(await self.body())
        except BadRequest as refusal:
            self.refusal = refusal
            raise


class _StrictRoute(APIRoute):
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def strict(request: Request) -> Response:
            read = _StrictRequest(request.scope, request.receive)
            try:
                return await handle(read)
            except HTTPException as shorter:  # FastAPI's own words for whatever a body raised
                raise read.refusal or shorter from None

        return strict if self.body_field else handle


def _is_json(content_type: str) -> bool:
    if content_type == "application/json":
        return True
    message = Message()
    message["content-type"] = content_type
    kind, of = message.get_content_maintype(), message.get_content_subtype()
    return kind == "application" and (of == "json" or of.endswith("+json"))


def parse(body: bytes) -> object:
    """The value in `body`. Raises BadRequest for what different readers would read differently.

    That is: other encodings than UTF-8, names used twice in one object, NaN, numbers without end,
    bytes behind the value, and nesting that costs more than it says.
    """
    try:
        value: object = _DECODE(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise BadRequest("the body is not UTF-8") from error
    except RecursionError as error:
        raise BadRequest(f"the body is nested deeper than {MOST_DEPTH}") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise BadRequest(f"the body is not JSON: {error.msg} ({where})") from error
    except ValueError as error:
        raise BadRequest(f"the body is not acceptable JSON: {error}") from error
    if body.count(b"{") + body.count(b"[") > MOST_DEPTH and _is_deeper(value):
        raise BadRequest(f"the body is nested deeper than {MOST_DEPTH}")
    return value


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"an object has the name {twice[:_SHOWN]!a} twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _finite(number: str) -> float:
    value = float(number)
    if not isfinite(value):
        raise ValueError(f"the number {number[:_SHOWN]} is too large")
    return value


_DECODE = json.JSONDecoder(
    object_pairs_hook=_no_duplicates, parse_constant=_no_constant, parse_float=_finite
).decode


def _is_deeper(value: object) -> bool:
    level = [value]
    for _ in range(MOST_DEPTH):
        below: list[object] = []
        for found in level:
            if isinstance(found, dict):
                below += found.values()
            elif isinstance(found, list):
                below += found
        level = [found for found in below if isinstance(found, dict | list)]
        if not level:
            return False
    return True
