"""Reading what a control was given, and saying clearly what is wrong with it."""

from typing import Any, Final, TypeVar

import orjson
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response

_BODY_LIMIT: Final = 1024 * 1024
_PAGE: Final = 1000
_PAGE_LIMIT: Final = 100_000

Model = TypeVar("Model", bound=BaseModel)
Errors = list[dict[str, str]]


class ControlError(Exception):
    """A request that a control cannot follow; the message is for the person who sent it."""

    def __init__(self, status: int, code: str, detail: str, errors: Errors | None = None) -> None:
        """`errors` points at single fields."""
        super().__init__(detail)
        self.status, self.code, self.errors = status, code, errors or []


def answer_json(body: object, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(orjson.dumps(body), status_code=status, media_type="application/json")


def problem(status: int, code: str, detail: str, errors: Errors | None = None) -> Response:
    """An answer of `application/problem+json`."""
    facts = {"title": detail, "status": status, "detail": detail, "code": code}
    body = {"type": "about:blank", **facts, "errors": errors or []}
    return Response(orjson.dumps(body), status_code=status, media_type="application/problem+json")


async def read_json(request: Request, limit: int = _BODY_LIMIT) -> object:
    """The parsed body, of at most `limit` bytes; an empty body is an empty object."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            detail = f"The body is longer than {limit} bytes."
            raise ControlError(413, "simulator.body_too_large", detail)
        parts.append(part)
    try:
        parsed: object = orjson.loads(b"".join(parts) or b"{}")
    except orjson.JSONDecodeError as error:
        raise ControlError(400, "simulator.not_json", f"The body is not JSON: {error}.") from error
    return parsed


def parse(model: type[Model], body: object) -> Model:
    """The body as a model, or a problem that points at each wrong field."""
    try:
        return model.model_validate(body)
    except ValidationError as error:
        errors = [
            {"pointer": "#/" + "/".join(map(str, one["loc"])), "detail": one["msg"]}
            for one in error.errors(include_url=False)[:20]
        ]
        detail = f"{errors[0]['pointer']}: {errors[0]['detail']}"
        raise ControlError(422, "simulator.body_invalid", detail, errors) from error


async def read(model: type[Model], request: Request, limit: int = _BODY_LIMIT) -> Model:
    """The body of the request as a model."""
    return parse(model, await read_json(request, limit))


def page(request: Request) -> tuple[int, int]:
    """`after` and `limit` of the query."""
    return number(request, "after", 0, 2**53), min(
        number(request, "limit", _PAGE, 2**53), _PAGE_LIMIT
    )


def number(request: Request, name: str, default: int, highest: int) -> int:
    """A whole number of the query, 0 or more."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal()) or len(text) > 16 or int(text) > highest:  # noqa: PLR2004
        detail = f"The query parameter {name} must be a whole number from 0 to {highest}."
        raise ControlError(422, "simulator.query_invalid", detail)
    return int(text)


def fields_of(thing: Any) -> dict[str, Any]:  # Any: any dataclass of the domain
    """A dataclass with slots as a plain object."""
    return {name: getattr(thing, name) for name in thing.__dataclass_fields__}
