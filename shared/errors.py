"""Errors with a stable code. Raised by actions, rendered as problem+json in one place.

Each class is also its own page in the catalogue (`/problems/{code}`): the docstring says what it
means, `to_do` what helps. Clients switch on `code`.
"""

from typing import Any, ClassVar


class AppError(Exception):
    """Something broke on our side; what you sent is not the reason."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"
    title_zh: ClassVar[str] = "内部错误"
    meaning_zh: ClassVar[str] = "服务端出现故障，与您的请求内容无关。"
    to_do: ClassVar[str] = "Report it with the `request_id`; the log has the reason."
    to_do_zh: ClassVar[str] = "请附上 `request_id` 反馈，日志中有原因。"
    retryable: ClassVar[bool] = False
    type_uri: ClassVar[str] = ""  # where a registry has a name for it; else our own page

    def __init__(self, detail: str = "", *, pointer: str | None = None, **facts: Any) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.pointer = pointer
        self.facts = facts
        self.limits: tuple[Any, ...] = ()  # what the answer's RateLimit headers shall tell
        self.in_doubt = False  # whether what was asked may have been done nevertheless


class NeighbourAway(AppError):
    """PostgreSQL, Valkey or another service gave no answer: nothing happened."""

    code = "unavailable"
    status = 503
    title = "Temporarily unavailable"
    title_zh = "服务暂时不可用"
    meaning_zh = "PostgreSQL、Valkey 或其他服务没有应答，什么也没有发生。"
    to_do = "Wait as long as `Retry-After` says, then ask again with the same Idempotency-Key."
    to_do_zh = "按 `Retry-After` 等待后，用同一个 Idempotency-Key 重试。"
    retryable = True


class NotFound(AppError):
    """Nothing of that id belongs to the caller, whether or not it exists for somebody else."""

    code = "not_found"
    status = 404
    title = "Not found"
    title_zh = "未找到"
    meaning_zh = "调用方名下没有这个 id 对应的内容，无论它是否属于他人。"
    to_do = "Check the id, and that the key belongs to the right organization."
    to_do_zh = "请核对 id，并确认密钥属于正确的组织。"


class Invalid(AppError):
    """The input can be read but breaks a rule; `errors[].pointer` names the field."""

    code = "invalid"
    status = 422
    title = "Invalid input"
    title_zh = "输入无效"
    meaning_zh = "输入可以读懂但违反规则，`errors[].pointer` 指出字段。"
    to_do = "Mend the named fields. Nothing was changed."
    to_do_zh = "请修正指出的字段，本次没有任何改动。"


class Unauthenticated(AppError):
    """No credential, or one that is unknown, expired or revoked."""

    code = "unauthenticated"
    status = 401
    title = "Authentication required"
    title_zh = "需要身份验证"
    meaning_zh = "没有凭证，或凭证未知、已过期、已吊销。"
    to_do = "Send `Authorization: Bearer <API key>` with a key that is still alive."
    to_do_zh = "请发送 `Authorization: Bearer <API 密钥>`，并使用仍有效的密钥。"


class Forbidden(AppError):
    """The credential is good but lacks the scope."""

    code = "forbidden"
    status = 403
    title = "Scope missing"
    title_zh = "权限不足"
    meaning_zh = "凭证有效，但缺少所需的权限范围。"
    to_do = "Use a key with the scope that `WWW-Authenticate` names."
    to_do_zh = "请使用具有 `WWW-Authenticate` 所示权限范围的密钥。"


class BadRequest(AppError):
    """The request cannot be understood: its headers, its JSON or its cursor."""

    code = "bad_request"
    status = 400
    title = "Bad request"
    title_zh = "请求无法理解"
    meaning_zh = "请求头、JSON 或游标无法理解。"
    to_do = "Read `detail`, mend the request, send it again."
    to_do_zh = "请阅读 `detail`，修正后重新发送。"


class Conflict(AppError):
    """The state of the thing does not allow this."""

    code = "conflict"
    status = 409
    title = "Conflict"
    title_zh = "状态冲突"
    meaning_zh = "对象当前的状态不允许这样做。"
    to_do = "Read the thing again and decide anew."
    to_do_zh = "请重新读取后再决定。"


class PreconditionRequired(AppError):
    """A change must say on which version it is based."""

    code = "precondition_required"
    status = 428
    title = "If-Match required"
    title_zh = "需要 If-Match 请求头"
    meaning_zh = "修改必须说明所依据的版本。"
    to_do = "Read the thing, and send its `ETag` back as `If-Match`; `*` means any version."
    to_do_zh = "先读取对象，把它的 `ETag` 放进 `If-Match`；`*` 表示任意版本。"


class PreconditionFailed(AppError):
    """Somebody changed the thing since the caller read it, or it exists already."""

    code = "precondition_failed"
    status = 412
    title = "Changed by somebody else"
    title_zh = "内容已被他人修改"
    meaning_zh = "在您读取之后对象已被修改，或它已经存在。"
    to_do = "Read it again, and repeat the change on what is there now."
    to_do_zh = "请重新读取，并基于当前内容再次修改。"


class MethodNotAllowed(AppError):
    """The path is known, the method is not."""

    code = "method_not_allowed"
    status = 405
    title = "Method not allowed"
    title_zh = "不支持的方法"
    meaning_zh = "路径存在，但不支持这个方法。"
    to_do = "Use a method that `Allow` names."
    to_do_zh = "请使用 `Allow` 列出的方法。"


class TooLarge(AppError):
    """The body is larger than what is read."""

    code = "too_large"
    status = 413
    title = "Request too large"
    title_zh = "请求过大"
    meaning_zh = "请求体超过可读取的大小。"
    to_do = "Send less at once; `detail` names the limit."
    to_do_zh = "请减少单次内容，上限见 `detail`。"


class TooSlow(AppError):
    """A body that drips in holds a connection for nothing."""

    code = "too_slow"
    status = 408
    title = "Request body not received in time"
    title_zh = "请求体接收超时"
    meaning_zh = "请求体到达太慢，白白占用连接。"
    to_do = "Send the body at once, within the seconds that `detail` names."
    to_do_zh = "请在 `detail` 所示的秒数内一次性发完请求体。"
    retryable = True


class UnsupportedMediaType(AppError):
    """The body is of a kind that nobody reads here."""

    code = "unsupported_media_type"
    status = 415
    title = "Unsupported media type"
    title_zh = "不支持的媒体类型"
    meaning_zh = "请求体的类型在此不被接受。"
    to_do = "Send `Content-Type: application/json`."
    to_do_zh = "请发送 `Content-Type: application/json`。"


class RateLimited(AppError):
    """The credential asked more often than its limit allows."""

    code = "rate_limited"
    status = 429
    title = "Too many requests"
    title_zh = "请求过于频繁"
    meaning_zh = "该凭证的请求次数超过上限。"
    to_do = "Wait as long as `Retry-After` says; `RateLimit` tells what is left."
    to_do_zh = "请按 `Retry-After` 等待；`RateLimit` 给出剩余额度。"
    retryable = True
    type_uri = "https://iana.org/assignments/http-problem-types#quota-exceeded"
