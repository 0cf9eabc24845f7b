"""The platform's error codes as data: what each says, and what helps, for every group of endpoints."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Group(StrEnum):
    """Endpoints among which a code means the same."""

    AUTHORISE = "authorise"  # a code becomes tokens
    RENEW = "renew"  # access, refresh and business tokens are replaced by new ones
    CLIENT_TOKEN = "client_token"
    SEND = "send"  # messages to fans and groups: what is in doubt stays in doubt
    FANS = "fans"
    ASK = "ask"  # all others. But for a new card, what may be asked again without harm


class Remedy(StrEnum):
    """What helps against a refusal."""

    RETRY = "retry"  # the same call may work later
    REFRESH = "refresh"  # it may work with a new access token
    RE_AUTHORISE = "re_authorise"  # only the owner of the account can help
    WAIT_FOR_QUOTA = "wait_for_quota"  # not before the platform's next day
    PERMANENT = "permanent"  # the same call never works: our mistake, or the console's
    UNKNOWN = "unknown"  # nobody knows, or the platform may have acted before it said so


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code says, as a stable word. `in_doubt`: the platform may have acted nevertheless."""

    remedy: Remedy
    reason: str
    in_doubt: bool = False


_RETRY, _WAIT = Remedy.RETRY, Remedy.WAIT_FOR_QUOTA
_REFRESH, _OWNER, _NEVER = Remedy.REFRESH, Remedy.RE_AUTHORISE, Remedy.PERMANENT

# "20028001003" and the like, seen in one client, are that client's own artefact and stay unlisted
_EVERYWHERE: Final[dict[int, Meaning]] = {
    # system busy, internal error, network call error: said after the platform may have acted
    2100004: Meaning(_RETRY, "system_busy", in_doubt=True),
    28001005: Meaning(_RETRY, "system_busy", in_doubt=True),
    28001006: Meaning(_RETRY, "network_error", in_doubt=True),
    28003018: Meaning(_RETRY, "throttled"),
    28001052: Meaning(_RETRY, "risk_detected"),
    28001003: Meaning(_REFRESH, "token_refused"),
    28001008: Meaning(_REFRESH, "token_refused"),
    2190002: Meaning(_REFRESH, "token_refused"),
    2190008: Meaning(_REFRESH, "token_refused"),
    28001015: Meaning(_NEVER, "token_mismatch"),
    2190015: Meaning(_NEVER, "token_mismatch"),
    28001012: Meaning(_OWNER, "not_authorised"),
    2190003: Meaning(_OWNER, "not_authorised"),
    28001014: Meaning(_NEVER, "capability_missing"),
    28001018: Meaning(_NEVER, "capability_missing"),
    2190004: Meaning(_NEVER, "capability_missing"),
    28001016: Meaning(_NEVER, "app_banned"),
    28001019: Meaning(_NEVER, "app_banned"),
    28001056: Meaning(_NEVER, "api_retired"),
    28001017: Meaning(_NEVER, "unknown_uri"),
    28001020: Meaning(_NEVER, "test_app"),
    28001021: Meaning(_NEVER, "test_app"),
    28001042: Meaning(_NEVER, "scope_missing"),
    28004020: Meaning(_NEVER, "scope_missing"),
    28001045: Meaning(_NEVER, "user_closed"),
    28001046: Meaning(_NEVER, "user_banned"),
    28001047: Meaning(_NEVER, "user_private"),
    28001007: Meaning(_NEVER, "illegal_parameter"),
    2100005: Meaning(_NEVER, "illegal_parameter"),
    2100007: Meaning(_NEVER, "not_permitted"),
    2100009: Meaning(_NEVER, "not_permitted"),
    28003017: Meaning(_WAIT, "daily_quota_used"),
    2190001: Meaning(_WAIT, "daily_quota_used"),
    2112001: Meaning(_NEVER, "no_enterprise_account"),
    2113001: Meaning(_NEVER, "material_refused"),
    2113002: Meaning(_NEVER, "material_limit"),
    2111001: Meaning(_NEVER, "sensitive_word"),
    2111002: Meaning(_RETRY, "fetch_failed"),
    2111003: Meaning(_NEVER, "invalid_comment"),
    2111004: Meaning(_NEVER, "not_this_video"),
    2111005: Meaning(_RETRY, "previous_top_pending"),
    2111006: Meaning(_RETRY, "comment_failed", in_doubt=True),
    2111007: Meaning(_RETRY, "fetch_failed"),
}
# tokens; said of anything else, these codes would say nothing
_OF_TOKENS: Final[dict[int, Meaning]] = {
    10008: Meaning(_REFRESH, "token_refused"),
    10001: Meaning(_RETRY, "system_busy", in_doubt=True),
    10002: Meaning(_NEVER, "illegal_parameter"),
    10003: Meaning(_NEVER, "unknown_client_key"),
    10004: Meaning(_NEVER, "scope_missing"),
    10005: Meaning(_NEVER, "illegal_parameter"),
    10006: Meaning(_NEVER, "redirect_mismatch"),
    10007: Meaning(_OWNER, "code_used_or_expired"),
    10010: Meaning(_OWNER, "refresh_token_expired"),
    10011: Meaning(_NEVER, "package_mismatch"),
    10012: Meaning(_NEVER, "app_under_review"),
    10013: Meaning(_NEVER, "wrong_client_secret"),
    10014: Meaning(_OWNER, "other_client_key"),
    10015: Meaning(_NEVER, "wrong_app_type"),
    10017: Meaning(_NEVER, "bad_app_signature"),
    10020: Meaning(_RETRY, "asked_too_often"),
    29002002: Meaning(_NEVER, "client_key_not_legal"),
}
# direct messages
_IN_MESSAGES: Final[dict[int, Meaning]] = {
    28003070: Meaning(_NEVER, "cap_reached"),
    28003080: Meaning(_NEVER, "window_expired"),
    28003081: Meaning(_NEVER, "window_expired"),
    28003082: Meaning(_NEVER, "message_mismatch"),
    28003095: Meaning(_NEVER, "workbench_strategy"),
    28001038: Meaning(_NEVER, "content_refused"),
    28029003: Meaning(_NEVER, "sender_not_certified"),
    28029004: Meaning(_NEVER, "sender_banned"),
    28003101: Meaning(_NEVER, "user_banned"),
    21103: Meaning(_NEVER, "youth_mode"),
}
_IN: Final[dict[Group, dict[int, Meaning]]] = {
    Group.AUTHORISE: _OF_TOKENS,
    Group.RENEW: {
        **_OF_TOKENS,
        10008: Meaning(_OWNER, "refresh_token_expired"),
        10020: Meaning(_OWNER, "renewals_used_up"),
        28001007: Meaning(_OWNER, "refresh_token_expired"),
        28001003: Meaning(_OWNER, "refresh_token_expired"),
        28001008: Meaning(_OWNER, "refresh_token_expired"),
    },
    Group.CLIENT_TOKEN: _OF_TOKENS,
    Group.SEND: {
        **_IN_MESSAGES,
        2100006: Meaning(_NEVER, "not_permitted"),  # no binding of brand or staff
        28001052: Meaning(_NEVER, "risk_detected"),  # a message that is suspect is not pressed upon
    },
    Group.FANS: {2100006: Meaning(_NEVER, "own_open_id")},
    Group.ASK: _IN_MESSAGES,
}
UNLISTED: Final = Meaning(Remedy.UNKNOWN, "unlisted_code", in_doubt=True)


def meaning(group: Group, code: int) -> Meaning:
    """What the code says at these endpoints; a code that is in no list says nothing."""
    return _IN[group].get(code) or _EVERYWHERE.get(code) or UNLISTED


def listed(group: Group) -> dict[int, Meaning]:
    """Every code that is known at these endpoints."""
    return {**_EVERYWHERE, **_IN[group]}
