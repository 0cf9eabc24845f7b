"""What all endpoints of the open platform have in common: the caller, the tools, times, versions."""

import re
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Header, Request
from pydantic import PlainSerializer

from services.open_platform.actions.deps import Deps, PreconditionFailed
from shared.errors import AppError
from shared.http.pages import Cursors
from shared.http.principal import Principal, caller_with


class PreconditionRequired(AppError):
    """The caller must say which version it means to change."""

    code = "precondition_required"
    status = 428
    title = "If-Match required"
    title_zh = "需要 If-Match 请求头"


def _deps(request: Request) -> Deps:
    deps: Deps = request.app.state.deps
    return deps


def _cursors(request: Request) -> Cursors:
    cursors: Cursors = request.app.state.cursors
    return cursors


def _rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Manager = Annotated[Principal, caller_with("account:manage")]
PlatformDeps = Annotated[Deps, Depends(_deps)]
PlatformCursors = Annotated[Cursors, Depends(_cursors)]
Timestamp = Annotated[datetime, PlainSerializer(_rfc3339, return_type=str)]


def etag(row_version: int) -> str:
    """The strong entity tag of a version."""
    return f'"v{row_version}"'


def _versions(header: str) -> int | None:
    """The version that a header names; None for `*`. Several are never needed: versions only grow."""
    if header.strip() == "*":
        return None
    found = re.fullmatch(r'\s*"v([0-9]{1,9})"\s*', header)
    if found is None:
        raise PreconditionFailed("If-Match must be an ETag that this resource had")
    return int(found[1])


def _required(if_match: Annotated[str | None, Header(max_length=100)] = None) -> int | None:
    if if_match is None:
        raise PreconditionRequired("send If-Match with the ETag that you read")
    return _versions(if_match)


def _optional(if_match: Annotated[str | None, Header(max_length=100)] = None) -> int | None:
    return None if if_match is None else _versions(if_match)


RequiredVersion = Annotated[int | None, Depends(_required)]
OptionalVersion = Annotated[int | None, Depends(_optional)]
