"""What the platform's answer to a send means. The table is data; a code that is not in it is `unknown`."""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Literal

HTTP_OK: Final = 200
Closes = Literal["cap_reached", "window_expired"] | None


class Action(StrEnum):
    """What follows from an answer."""

    SENT = "sent"
    FAILED = "failed"  # refused: definitely not sent, and another try would be refused too
    TRY_LATER = "try_later"  # refused before anything happened
    REFRESH_TOKEN = "refresh_token"  # refused for its token; may go once more with a new one
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it was read, whichever of the platform's envelopes it came in."""

    codes: frozenset[int]  # every code that it names; contradictions are kept
    code: int | None  # the one that counts
    message_id: str | None
    log_id: str | None
    item_codes: tuple[int | None, ...]  # of a list of statuses, one a message
    all_sent: bool | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a try ended."""

    action: Action
    reason: str | None = None
    code: int | None = None
    message_id: str | None = None
    log_id: str | None = None
    closes_window: Closes = None


# code → (action, reason). Sources: douyin-protocol.md §3.3 and §7. "System busy" (2100004, 28001005)
# and "network call error" (28001006) are left out on purpose: the platform may have sent before them.
_REFUSALS: Final[dict[int, tuple[Action, str]]] = {
    28003070: (Action.FAILED, "cap_reached"),
    28003080: (Action.FAILED, "window_expired"),
    28003081: (Action.FAILED, "window_expired"),
    28003082: (Action.FAILED, "message_mismatch"),
    28003095: (Action.FAILED, "workbench_strategy"),
    28001038: (Action.FAILED, "content_refused"),
    28029003: (Action.FAILED, "sender_not_certified"),
    28029004: (Action.FAILED, "sender_banned"),
    28003101: (Action.FAILED, "user_banned"),
    28003018: (Action.TRY_LATER, "throttled"),
    28003017: (Action.FAILED, "daily_quota_used"),
    2190001: (Action.FAILED, "daily_quota_used"),
    2100006: (Action.FAILED, "not_permitted"),
    2100007: (Action.FAILED, "not_permitted"),
    2100009: (Action.FAILED, "not_permitted"),
    21103: (Action.FAILED, "youth_mode"),
    28001052: (Action.FAILED, "risk_detected"),
    28001003: (Action.REFRESH_TOKEN, "token_refused"),
    28001008: (Action.REFRESH_TOKEN, "token_refused"),
    2190002: (Action.REFRESH_TOKEN, "token_refused"),
    2190008: (Action.REFRESH_TOKEN, "token_refused"),
    28001015: (Action.FAILED, "token_mismatch"),
    2190015: (Action.FAILED, "token_mismatch"),
    28001012: (Action.FAILED, "not_authorised"),
    2190003: (Action.FAILED, "not_authorised"),
    28001014: (Action.FAILED, "capability_missing"),
    28001018: (Action.FAILED, "capability_missing"),
    2190004: (Action.FAILED, "capability_missing"),
    28001016: (Action.FAILED, "app_banned"),
    28001019: (Action.FAILED, "app_banned"),
    28001056: (Action.FAILED, "api_retired"),
    28001017: (Action.FAILED, "unknown_uri"),
    28001020: (Action.FAILED, "test_app"),
    28001021: (Action.FAILED, "test_app"),
    28001042: (Action.FAILED, "scope_missing"),
    28004020: (Action.FAILED, "scope_missing"),
    28001045: (Action.FAILED, "user_closed"),
    28001046: (Action.FAILED, "user_banned"),
    28001047: (Action.FAILED, "user_private"),
    28001007: (Action.FAILED, "illegal_parameter"),
    2100005: (Action.FAILED, "illegal_parameter"),
}
_CLOSES: Final[dict[str, Closes]] = {
    "cap_reached": "cap_reached",
    "window_expired": "window_expired",
}
_MOST_TEXT: Final = 512


def read_answer(body: bytes) -> Answer | None:
    """The answer in `body`, or None when it is none of the platform's envelopes."""
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict):
        return None
    data, extra = _object(fields.get("data")), _object(fields.get("extra"))
    named = (fields.get("err_no"), data.get("error_code"), fields.get("error_code"))
    codes = [c for c in map(_code, (*named, extra.get("error_code"))) if c is not None]
    statuses = fields.get("send_msg_status_list", data.get("send_msg_status_list"))
    all_sent = fields.get("all_send_success", data.get("all_send_success"))
    log_ids = (fields.get("log_id"), extra.get("logid"), extra.get("log_id"), data.get("log_id"))
    return Answer(
        codes=frozenset(codes),
        code=next((c for c in codes if c), codes[0] if codes else None),
        message_id=_first(fields.get("msg_id"), data.get("msg_id"), _only(fields.get("msg_list"))),
        log_id=_first(*log_ids),
        item_codes=_item_codes(statuses),
        all_sent=all_sent if isinstance(all_sent, bool) else None,
    )


def classify(status: int, body: bytes) -> Verdict:
    """The verdict on one message sent in one call."""
    if status != HTTP_OK:
        return Verdict(Action.UNKNOWN, f"http_{status}")
    answer = read_answer(body)
    if answer is None:
        return Verdict(Action.UNKNOWN, "unreadable_answer")
    refusal = next((c for c in (answer.code, *answer.item_codes) if c), None)
    doubt = _doubt(answer, refusal)
    if doubt is not None:
        return Verdict(Action.UNKNOWN, doubt, refusal or answer.code, log_id=answer.log_id)
    if refusal is None:
        return Verdict(Action.SENT, None, 0, answer.message_id, answer.log_id)
    action, reason = _REFUSALS.get(refusal, (Action.UNKNOWN, "unlisted_code"))
    return Verdict(action, reason, refusal, None, answer.log_id, _CLOSES.get(reason))


def _doubt(answer: Answer, refusal: int | None) -> str | None:
    """Why nobody can tell whether the one message was sent; None when the answer is clear."""
    if not answer.codes or None in answer.item_codes:
        return "no_code"
    if refusal is None:
        return "partial" if answer.all_sent is False else None
    # one part of the answer must not say yes where another says no
    said = set(answer.item_codes) if answer.codes == {0} else answer.codes
    return "contradiction" if len(said) > 1 or answer.message_id is not None else None


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _code(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if abs(value) < 2**31 else None
    text = value.strip() if isinstance(value, str) else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None  # noqa: PLR2004  32 bits


def _first(*values: object) -> str | None:
    for value in values:
        if isinstance(value, str) and value and len(value) <= _MOST_TEXT and "\x00" not in value:
            return value.encode("utf-8", "replace").decode()
    return None


def _only(value: object) -> object:
    return value[0] if isinstance(value, list) and len(value) == 1 else None


def _item_codes(value: object) -> tuple[int | None, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(_code(_object(item).get("error_code")) for item in value)
