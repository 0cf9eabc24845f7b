"""problem+json for every error of every API, including those raised before routing."""

import re
from typing import Any, Literal

import orjson
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from shared.errors import (
    AppError,
    BadRequest,
    Forbidden,
    Invalid,
    MethodNotAllowed,
    NeighbourAway,
    NotFound,
    RateLimited,
    TooLarge,
    Unauthenticated,
    UnsupportedMediaType,
)
from shared.http.idempotency import IdempotencyKeyInUse, Replayed
from shared.http.limits import tell
from shared.http.models import TAG

log = structlog.get_logger()

# What the framework itself may raise; anything else is a fault of the request, or of ours.
_RAISED: dict[int, type[AppError]] = {
    kind.status: kind
    for kind in (
        *(BadRequest, Unauthenticated, NotFound, MethodNotAllowed),
        *(TooLarge, UnsupportedMediaType, Invalid, NeighbourAway),
    )
}
_QUALITY = re.compile(r";\s*q=([01](?:\.\d{0,3})?)")
_LANGUAGES_READ = 20  # of an Accept-Language


class FieldError(BaseModel):
    """One field that is wrong."""

    pointer: str
    detail: str
    code: str


class Problem(BaseModel):
    """Every error has this shape; switch on `code`, never on `title`."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    retryable: bool
    errors: list[FieldError] | None = None


def errors(*kinds: type[AppError]) -> dict[int | str, dict[str, Any]]:
    """What an endpoint declares in `responses=`: these kinds, and those that any endpoint may give."""
    statuses = {400, 401, 403, 408, 413, 415, 422, 429, 503} | {kind.status for kind in kinds}
    titles: dict[int, list[str]] = {}
    for kind in kinds:
        titles.setdefault(kind.status, []).append(f"`{kind.code}`: {kind.title}")
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {
            "description": "; ".join(titles.get(status, ["Problem"])),
            "model": Problem,
            "content": content,
        }
        for status in sorted(statuses)
    }


def refusal(request: Request, error: AppError, **headers: str) -> Response:
    """The one place where an error becomes bytes."""
    if error.limits:
        tell(request.scope, *error.limits)
    language = language_of(request.headers.get("accept-language", ""))
    body = {
        "type": type_of(type(error)),
        "title": error.title_zh if language == "zh" else error.title,
        "status": error.status,
        "detail": error.detail,
        "instance": request.url.path,
        "code": error.code,
        "request_id": request.scope.get("siyu.request_id", ""),
        "retryable": error.retryable,
    }
    body |= {name: fact for name, fact in error.facts.items() if name not in body}
    if error.pointer is not None:
        body["errors"] = [{"pointer": error.pointer, "detail": error.detail, "code": error.code}]
    named = {name.replace("_", "-").title(): value for name, value in headers.items()}
    spoken = {"Content-Language": language, "Vary": "Accept-Language"}
    return Response(
        orjson.dumps(body, default=str),
        error.status,
        {**spoken, **_headers_of(request, error), **named},
        "application/problem+json",
    )


def type_of(kind: type[AppError]) -> str:
    """The `type` of a problem: its name in a registry, or the page that explains it."""
    return kind.type_uri or f"/problems/{kind.code}"


def language_of(accepted: str) -> Literal["zh", "en"]:
    """Of Chinese and English the one that an Accept-Language header likes better; else English."""
    best: tuple[float, Literal["zh", "en"]] = (0.0, "en")
    for part in accepted.split(",")[:_LANGUAGES_READ]:
        tag, _, rest = part.partition(";")
        primary = tag.strip().lower().partition("-")[0]
        found = _QUALITY.search(f";{rest}")
        quality = float(found[1]) if found else 1.0
        if primary in {"zh", "en"} and quality > best[0]:
            best = (quality, "zh" if primary == "zh" else "en")
    return best[1]


def _headers_of(request: Request, error: AppError) -> dict[str, str]:
    if isinstance(error, Unauthenticated):
        is_refused = "authorization" in request.headers
        return {"WWW-Authenticate": 'Bearer error="invalid_token"' if is_refused else "Bearer"}
    if isinstance(error, Forbidden):
        scope = error.facts.get("scope", "")
        return {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'}
    if isinstance(error, NeighbourAway | IdempotencyKeyInUse):
        return {"Retry-After": "1"}
    if isinstance(error, RateLimited):
        return {"Retry-After": str(error.facts["retry_after"])}
    return {}


def _pointer(location: tuple[int | str, ...]) -> str:
    # the tag of a union says which kind was meant, and is no part of the input
    parts = [str(part) for part in location[1:] if not str(part).startswith(TAG)]
    return "#/" + "/".join(part.replace("~", "~0").replace("/", "~1") for part in parts)


def answer_problems(app: FastAPI) -> None:
    """Make `app` answer every error as problem+json."""
    app.exception_handler(AppError)(_app_error)
    app.exception_handler(Replayed)(_replayed)
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(HTTPException)(_raised)
    app.exception_handler(Exception)(_crashed)


async def _app_error(request: Request, error: AppError) -> Response:
    return refusal(request, error)


async def _replayed(_: Request, told: Replayed) -> Response:
    headers = {"Idempotency-Replayed": "true"}
    return Response(told.body, told.status, headers, "application/json")


async def _invalid(request: Request, error: RequestValidationError) -> Response:
    unreadable = any(e["type"] == "json_invalid" for e in error.errors())
    found = [
        {"pointer": _pointer(e["loc"]), "detail": e["msg"], "code": e["type"]}
        for e in error.errors()[:20]
    ]
    kind = BadRequest if unreadable else Invalid
    return refusal(request, kind(found[0]["detail"] if found else "", errors=found))


async def _raised(request: Request, error: HTTPException) -> Response:
    kind = _RAISED.get(error.status_code, BadRequest if error.status_code < 500 else AppError)
    named = {name.replace("-", "_").lower(): value for name, value in (error.headers or {}).items()}
    return refusal(request, kind(), **named)


async def _crashed(request: Request, error: Exception) -> Response:
    return refusal(request, fault(request, error))


def fault(request: Request, error: Exception) -> AppError:
    """Log what nobody expected, without its words, while it is handled; what to answer instead."""
    request_id = request.scope.get("siyu.request_id", "")
    kind = type(error).__name__
    log.exception("request_failed", path=request.url.path, request_id=request_id, error=kind)
    return AppError()
