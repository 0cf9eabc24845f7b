"""Errors with a stable code. Raised by actions, rendered as problem+json in one place."""

from typing import Any, ClassVar


class AppError(Exception):
    """An error that a client can act on: `code` for machines, `detail` for people, facts for both."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"
    title_zh: ClassVar[str] = "内部错误"
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str = "", *, pointer: str | None = None, **facts: Any) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.pointer = pointer
        self.facts = facts


class NeighbourAway(AppError):
    """PostgreSQL, Valkey or another service gave no answer: nothing happened, try again."""

    code = "unavailable"
    status = 503
    title = "Temporarily unavailable"
    title_zh = "服务暂时不可用"
    retryable = True


class NotFound(AppError):
    """Nothing of that id belongs to the caller, whether or not it exists for somebody else."""

    code = "not_found"
    status = 404
    title = "Not found"
    title_zh = "未找到"


class Invalid(AppError):
    """The input is well-formed JSON but breaks a rule; `pointer` names the field."""

    code = "invalid"
    status = 422
    title = "Invalid input"
    title_zh = "输入无效"


class Unauthenticated(AppError):
    """No credential, or one that is unknown, expired or revoked."""

    code = "unauthenticated"
    status = 401
    title = "Authentication required"
    title_zh = "需要身份验证"


class Forbidden(AppError):
    """The credential is good but lacks the scope."""

    code = "forbidden"
    status = 403
    title = "Scope missing"
    title_zh = "权限不足"


class BadRequest(AppError):
    """The request cannot be understood: headers, JSON, cursor."""

    code = "bad_request"
    status = 400
    title = "Bad request"
    title_zh = "请求无法理解"


class Conflict(AppError):
    """The state of the thing does not allow this."""

    code = "conflict"
    status = 409
    title = "Conflict"
    title_zh = "状态冲突"
