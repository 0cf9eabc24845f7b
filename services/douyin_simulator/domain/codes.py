"""The platform's error codes, by name, with the sentence that goes with each."""

from typing import Final

OK: Final = 0

PARAMETER_ERROR: Final = 10002
UNKNOWN_CLIENT_KEY: Final = 10003
CODE_USED_OR_EXPIRED: Final = 10007
REFRESH_TOKEN_EXPIRED: Final = 10010
WRONG_CLIENT_SECRET: Final = 10013
OTHER_CLIENT_KEY: Final = 10014
TOO_OFTEN: Final = 10020

ACCESS_TOKEN_INVALID: Final = 28001003
ILLEGAL_PARAMETER: Final = 28001007
ACCESS_TOKEN_EXPIRED: Final = 28001008
NO_CAPABILITY: Final = 28001014
TOKEN_OF_ANOTHER_ACCOUNT: Final = 28001015
UNKNOWN_PATH: Final = 28001017
CONTENT_REFUSED: Final = 28001038
DAILY_QUOTA_USED_UP: Final = 28003017
CAP_REACHED: Final = 28003070
REPLY_WINDOW_CLOSED: Final = 28003080
MESSAGE_ID_EXPIRED: Final = 28003081
MESSAGE_MISMATCH: Final = 28003082

DESCRIPTIONS: Final = {
    OK: "",
    PARAMETER_ERROR: "参数错误",
    UNKNOWN_CLIENT_KEY: "client_key错误",
    CODE_USED_OR_EXPIRED: "授权码过期或已使用",
    REFRESH_TOKEN_EXPIRED: "refresh_token已过期",
    WRONG_CLIENT_SECRET: "client_key或client_secret错误",
    OTHER_CLIENT_KEY: "client_key与获取code时不一致",
    TOO_OFTEN: "调用次数超过限制",
    ACCESS_TOKEN_INVALID: "access_token无效",
    ILLEGAL_PARAMETER: "参数不合法",
    ACCESS_TOKEN_EXPIRED: "access_token过期，请刷新或重新授权",
    NO_CAPABILITY: "应用未获得该能力",
    TOKEN_OF_ANOTHER_ACCOUNT: "token与open_id不匹配",
    UNKNOWN_PATH: "请求的接口不存在",
    CONTENT_REFUSED: "消息内容不合法",
    DAILY_QUOTA_USED_UP: "quota已用完",
    CAP_REACHED: "超出频控限制次数",
    REPLY_WINDOW_CLOSED: "超出可回复时间",
    MESSAGE_ID_EXPIRED: "消息id已过期",
    MESSAGE_MISMATCH: "消息对象不匹配",
    2100004: "系统繁忙，此时请开发者稍候再试",
    2190002: "access_token无效",
    2190008: "access_token过期，请刷新或重新授权",
    2190015: "token与open_id不匹配",
    28001005: "系统内部错误，请重试",
    28001006: "网络调用错误，请重试",
    28001012: "用户未授权该api",
    28001052: "触发风控，请稍后重试",
    28003018: "请求频次过高",
    28003095: "账号已在互动经营工作台配置私信策略",
    28003101: "用户被封禁",
    28029003: "发送方未认证",
    28029004: "账号被禁止发送",
}

# The older family says the same with other numbers; a setting chooses which one is spoken.
_OLD_FAMILY: Final = {
    ACCESS_TOKEN_INVALID: 2190002,
    ACCESS_TOKEN_EXPIRED: 2190008,
    TOKEN_OF_ANOTHER_ACCOUNT: 2190015,
}


def describe(code: int) -> str:
    """The sentence for a code; a code without one still gets an answer."""
    return DESCRIPTIONS.get(code, "请求失败")


def old_family(code: int) -> int:
    """The same token error in the 2190xxx family; other codes stay as they are."""
    return _OLD_FAMILY.get(code, code)
