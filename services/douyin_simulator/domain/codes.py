"""The platform's error codes, by name, with the sentence that goes with each."""

from typing import Final

OK: Final = 0

SYSTEM_ERROR: Final = 10001
PARAMETER_ERROR: Final = 10002
UNKNOWN_CLIENT_KEY: Final = 10003
NO_RENEWAL: Final = 10004
OTHER_REDIRECT: Final = 10006
CODE_USED_OR_EXPIRED: Final = 10007
REFRESH_TOKEN_EXPIRED: Final = 10010
WRONG_CLIENT_SECRET: Final = 10013
OTHER_CLIENT_KEY: Final = 10014
TOO_OFTEN: Final = 10020

BAD_PARAMETER: Final = 2100005
SAME_OPEN_ID: Final = 2100006
ACCESS_TOKEN_INVALID: Final = 28001003
ILLEGAL_PARAMETER: Final = 28001007
ACCESS_TOKEN_EXPIRED: Final = 28001008
NOT_AUTHORISED: Final = 28001012
NO_CAPABILITY: Final = 28001014
TOKEN_OF_ANOTHER_ACCOUNT: Final = 28001015
UNKNOWN_PATH: Final = 28001017
MISSING_CAPABILITY: Final = 28001018
CONTENT_REFUSED: Final = 28001038
USER_CLOSED: Final = 28001045
USER_BANNED: Final = 28001046
USER_PRIVATE: Final = 28001047
DAILY_QUOTA_USED_UP: Final = 28003017
CALLED_TOO_FAST: Final = 28003018
CAP_REACHED: Final = 28003070
REPLY_WINDOW_CLOSED: Final = 28003080
MESSAGE_ID_EXPIRED: Final = 28003081
MESSAGE_MISMATCH: Final = 28003082
WORKBENCH_ACTIVE: Final = 28003095
RECEIVER_BANNED: Final = 28003101
SENDER_NOT_CERTIFIED: Final = 28029003
SENDER_BANNED: Final = 28029004

DESCRIPTIONS: Final = {
    OK: "",
    SYSTEM_ERROR: "系统错误",
    PARAMETER_ERROR: "参数错误",
    UNKNOWN_CLIENT_KEY: "client_key错误",
    NO_RENEWAL: "应用权限不足，请申请获取对应的scope权限",
    10005: "缺少参数",
    OTHER_REDIRECT: "redirect_uri与应用配置的授权回调域不匹配",
    CODE_USED_OR_EXPIRED: "授权码过期或已使用",
    10008: "access_token无效或过期",
    REFRESH_TOKEN_EXPIRED: "refresh_token已过期",
    10011: "应用包名与配置不一致",
    10012: "应用正在审核中",
    WRONG_CLIENT_SECRET: "client_key或client_secret错误",
    OTHER_CLIENT_KEY: "client_key与获取code时不一致",
    10015: "应用类型错误",
    10017: "应用签名错误",
    TOO_OFTEN: "调用次数超过限制",
    2100004: "系统繁忙，此时请开发者稍候再试",
    BAD_PARAMETER: "参数不合法",
    SAME_OPEN_ID: "open_id与follower_open_id相同",
    2100007: "无权限操作",
    2100009: "用户被禁封使用该操作",
    2190001: "quota已用完",
    2190002: "access_token无效",
    2190003: "用户未授权该api",
    2190004: "应用未获得该能力",
    2190008: "access_token过期，请刷新或重新授权",
    2190015: "token与open_id不匹配",
    ACCESS_TOKEN_INVALID: "access_token无效",
    28001005: "系统内部错误，请重试",
    28001006: "网络调用错误，请重试",
    ILLEGAL_PARAMETER: "参数不合法",
    ACCESS_TOKEN_EXPIRED: "access_token过期，请刷新或重新授权",
    NOT_AUTHORISED: "用户未授权该api",
    NO_CAPABILITY: "应用未获得该能力",
    TOKEN_OF_ANOTHER_ACCOUNT: "token与open_id不匹配",
    28001016: "应用被封禁",
    UNKNOWN_PATH: "请求的接口不存在",
    MISSING_CAPABILITY: "应用未获得该能力，请申请",
    28001019: "应用该能力被封禁",
    28001020: "用户未绑定为测试用户",
    28001021: "测试应用已过期",
    CONTENT_REFUSED: "消息内容不合法",
    28001042: "isv_token缺少该scope",
    USER_CLOSED: "用户已注销",
    USER_BANNED: "用户被封禁",
    USER_PRIVATE: "用户为私密账号",
    28001052: "触发风控，请稍后重试",
    28001056: "接口已下线",
    DAILY_QUOTA_USED_UP: "quota已用完",
    CALLED_TOO_FAST: "请求频次过高",
    CAP_REACHED: "超出频控限制次数",
    REPLY_WINDOW_CLOSED: "超出可回复时间",
    MESSAGE_ID_EXPIRED: "消息id已过期",
    MESSAGE_MISMATCH: "消息对象不匹配",
    WORKBENCH_ACTIVE: "账号已在互动经营工作台配置私信策略",
    RECEIVER_BANNED: "用户被封禁",
    28004020: "当前授权场景不支持该scope",
    SENDER_NOT_CERTIFIED: "发送方未认证",
    SENDER_BANNED: "账号被禁止发送",
    29002002: "client_key不合法",
}

# The older family says the same with other numbers; a setting chooses which one is spoken.
_OLD_FAMILY: Final = {
    ACCESS_TOKEN_INVALID: 2190002,
    NOT_AUTHORISED: 2190003,
    NO_CAPABILITY: 2190004,
    MISSING_CAPABILITY: 2190004,
    ACCESS_TOKEN_EXPIRED: 2190008,
    TOKEN_OF_ANOTHER_ACCOUNT: 2190015,
    DAILY_QUOTA_USED_UP: 2190001,
    ILLEGAL_PARAMETER: BAD_PARAMETER,
}


def describe(code: int) -> str:
    """The sentence for a code; a code without one still gets an answer."""
    return DESCRIPTIONS.get(code, "请求失败")


def old_family(code: int) -> int:
    """The same error in the 21xxxxx family; other codes stay as they are."""
    return _OLD_FAMILY.get(code, code)
