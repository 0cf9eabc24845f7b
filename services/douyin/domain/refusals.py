"""The ways in which the platform says no to a question, each with a code of its own."""

from shared.errors import AppError


class PlatformRefused(AppError):
    """Douyin refused for good: the same question is refused again. `reason` says why."""

    code = "douyin.refused"
    status = 409
    title = "Douyin refused"
    title_zh = "抖音拒绝了请求"
    meaning_zh = "抖音明确拒绝，重复同样的请求仍会被拒绝。`reason` 说明原因。"
    to_do = "Read `reason` and `platform.code`; mend the request, or the app's settings at Douyin."
    to_do_zh = "请查看 `reason` 和 `platform.code`，修正请求或抖音开放平台上的应用设置。"


class PlatformBusy(AppError):
    """Douyin gave no answer that can be read, or asks to come back later: nothing is known to have happened."""

    code = "douyin.busy"
    status = 503
    title = "Douyin cannot answer now"
    title_zh = "抖音暂时无法应答"
    meaning_zh = "抖音没有给出可读的应答，或要求稍后再试。"
    to_do = "Ask again later."
    to_do_zh = "请稍后重试。"
    retryable = True


class PlatformQuotaUsed(AppError):
    """The daily calls that Douyin allows the app are used up."""

    code = "douyin.daily_calls_used"
    status = 429
    title = "Daily calls used up"
    title_zh = "当日调用次数已用尽"
    meaning_zh = "抖音给应用的当日调用次数已用完。"
    to_do = "Wait for the platform's next day."
    to_do_zh = "请等待平台的下一个自然日。"


class FollowChecksUsed(AppError):
    """The account asked Douyin too often whether somebody follows; polling is prohibited there."""

    code = "douyin.follow_checks_used"
    status = 429
    title = "Too many questions about follows"
    title_zh = "关注关系查询过于频繁"
    meaning_zh = "账号查询关注关系过于频繁，抖音禁止高频轮询。"
    to_do = "Wait a minute."
    to_do_zh = "请等待一分钟。"
    retryable = True


class AccountNotAuthorised(AppError):
    """The account is not bound, or its owner has to authorise the app again."""

    code = "douyin.not_authorised"
    status = 409
    title = "The account has not authorised the app"
    title_zh = "账号尚未授权"
    meaning_zh = "账号未绑定，或账号所有者需要重新授权。"
    to_do = "Let the owner authorise: POST `/v1/accounts/{account_id}/douyin-authorisation-links`."
    to_do_zh = "请账号所有者重新授权：POST `/v1/accounts/{account_id}/douyin-authorisation-links`。"
