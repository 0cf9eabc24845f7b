"""The ways in which this service says no, each with a code of its own."""

from shared.errors import AppError


class NoReplyContext(AppError):
    """Nothing of the fan can be answered now: no live message and no live page entry."""

    code = "direct_messages.no_reply_context"
    status = 409
    title = "Nothing to reply to"
    title_zh = "没有可回复的消息"


class QuotaExhausted(AppError):
    """The budget for this fan is used up; `resets` says with what it comes back."""

    code = "quota.exhausted"
    status = 429
    title = "Quota exhausted"
    title_zh = "配额已用尽"


class NotUnknown(AppError):
    """Only a send whose outcome is unknown can be sent again, and only once."""

    code = "direct_messages.not_unknown"
    status = 409
    title = "This send cannot be superseded"
    title_zh = "该次发送不能重发"


class TooManyRules(AppError):
    """The account has as many rules as its policy allows."""

    code = "direct_messages.too_many_rules"
    status = 409
    title = "Too many rules"
    title_zh = "规则数量已达上限"


class PreconditionMissing(AppError):
    """A change must say which version it is based on."""

    code = "precondition_required"
    status = 428
    title = "If-Match required"
    title_zh = "缺少 If-Match"


class PreconditionStale(AppError):
    """The thing has changed since; read it again."""

    code = "precondition_failed"
    status = 412
    title = "Changed meanwhile"
    title_zh = "内容已被修改"
