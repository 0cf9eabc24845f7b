"""problem+json for every error of every API, including those raised before routing."""

from typing import Any

import orjson
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from shared.errors import AppError, NeighbourAway

log = structlog.get_logger()

_PLAIN = {
    400: ("bad_request", "Bad request", "请求无法理解"),
    401: ("unauthenticated", "Authentication required", "需要身份验证"),
    404: ("not_found", "Not found", "未找到"),
    405: ("method_not_allowed", "Method not allowed", "不支持的方法"),
    413: ("too_large", "Request too large", "请求过大"),
    415: ("unsupported_media_type", "Unsupported media type", "不支持的媒体类型"),
    422: ("invalid", "Invalid input", "输入无效"),
    500: ("internal", "Internal error", "内部错误"),
    503: ("unavailable", "Temporarily unavailable", "服务暂时不可用"),
}


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
    statuses = {400, 401, 403, 413, 415, 422, 503} | {kind.status for kind in kinds}
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


def problem(request: Request, status: int, code: str, title: str, **more: Any) -> Response:
    """The one place where an error becomes bytes."""
    headers = {k.replace("_", "-").title(): str(v) for k, v in more.pop("headers", {}).items()}
    body = {
        "type": f"/problems/{code}",
        "title": title,
        "status": status,
        "detail": title,
        "instance": request.url.path,
        "code": code,
        "request_id": request.scope.get("siyu.request_id", ""),
        "retryable": False,
        **more,
    }
    return Response(orjson.dumps(body, default=str), status, headers, "application/problem+json")


def _speaks_chinese(request: Request) -> bool:
    return request.headers.get("accept-language", "").lower().startswith("zh")


def _pointer(location: tuple[int | str, ...]) -> str:
    return "#/" + "/".join(str(part).replace("~", "~0").replace("/", "~1") for part in location[1:])


def answer_problems(app: FastAPI) -> None:
    """Make `app` answer every error as problem+json."""
    app.exception_handler(AppError)(_app_error)
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(HTTPException)(_plain)
    app.exception_handler(Exception)(_crash)


async def _app_error(request: Request, error: AppError) -> Response:
    title = error.title_zh if _speaks_chinese(request) else error.title
    more: dict[str, Any] = {"detail": error.detail, "retryable": error.retryable, **error.facts}
    if error.pointer is not None:
        more["errors"] = [{"pointer": error.pointer, "detail": error.detail, "code": error.code}]
    if error.status == 401:
        more["headers"] = {"www_authenticate": "Bearer"}
    if isinstance(error, NeighbourAway):
        more["headers"] = {"retry_after": 1}
    return problem(request, error.status, error.code, title, **more)


async def _invalid(request: Request, error: RequestValidationError) -> Response:
    unreadable = any(e["type"] == "json_invalid" for e in error.errors())
    status = 400 if unreadable else 422
    code, title, title_zh = _PLAIN[status]
    found = [
        {"pointer": _pointer(e["loc"]), "detail": e["msg"], "code": e["type"]}
        for e in error.errors()[:20]
    ]
    shown = title_zh if _speaks_chinese(request) else title
    return problem(
        request,
        status,
        code,
        shown,
        detail=found[0]["detail"] if found else shown,
        errors=found,
    )


async def _plain(request: Request, error: HTTPException) -> Response:
    code, title, title_zh = _PLAIN.get(
        error.status_code, (f"http_{error.status_code}", error.detail, error.detail)
    )
    return problem(
        request,
        error.status_code,
        code,
        title_zh if _speaks_chinese(request) else title,
        headers=dict(error.headers or {}),
    )


async def _crash(request: Request, error: Exception) -> Response:
    log.exception("request_failed", path=request.url.path, error=repr(error))
    code, title, _ = _PLAIN[500]
    return problem(request, 500, code, title)
