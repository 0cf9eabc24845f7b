"""What the platform's answers mean, in whichever of its envelopes they come.

A send is judged by `classify`: what leaves a doubt is unknown. All other calls are judged by `conclude`.
"""

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Literal

from services.douyin.domain.codes import Group, Remedy, meaning

HTTP_OK: Final = 200
Closes = Literal["cap_reached", "window_expired"] | None


class Action(StrEnum):
    """What follows from the answer to a send."""

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
    fields: dict[str, Any]  # Any: the payload, wherever it lay


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a try to send ended."""

    action: Action
    reason: str | None = None
    code: int | None = None
    message_id: str | None = None
    log_id: str | None = None
    closes_window: Closes = None
    remedy: Remedy | None = None  # None: it was sent, or there was no code


@dataclass(frozen=True, slots=True)
class Conclusion:
    """How a call that is no send ended. Without a remedy it worked, and `fields` is its payload.

    `in_doubt`: the platform may have done what it was asked nevertheless.
    """

    remedy: Remedy | None
    reason: str | None = None
    code: int | None = None
    log_id: str | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    in_doubt: bool = False


_ACTIONS: Final[dict[Remedy, Action]] = {
    Remedy.RETRY: Action.TRY_LATER,
    Remedy.REFRESH: Action.REFRESH_TOKEN,
    Remedy.RE_AUTHORISE: Action.FAILED,
    Remedy.WAIT_FOR_QUOTA: Action.FAILED,  # the platform's next day is after most windows
    Remedy.PERMANENT: Action.FAILED,
    Remedy.UNKNOWN: Action.UNKNOWN,
}
_CLOSES: Final[dict[str, Closes]] = {
    "cap_reached": "cap_reached",
    "window_expired": "window_expired",
}
_MOST_TEXT: Final = 512
_WRAPPING: Final = frozenset(
    {
        "data",
        "extra",
        "error_code",
        "description",
        "message",
        "err_no",
        "err_msg",
        "log_id",
        "logid",
    }
)


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
    codes = [c for c in map(number, (*named, extra.get("error_code"))) if c is not None]
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
        fields=_payload(fields),
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
    said = meaning(Group.SEND, refusal)
    action = Action.UNKNOWN if said.in_doubt else _ACTIONS[said.remedy]
    closes = _CLOSES.get(said.reason)
    return Verdict(action, said.reason, refusal, None, answer.log_id, closes, said.remedy)


def conclude(group: Group, status: int, body: bytes) -> Conclusion:
    """What came of a call that may be asked again. What cannot be read is worth another try."""
    if status != HTTP_OK:
        return Conclusion(Remedy.RETRY, f"http_{status}", in_doubt=True)
    answer = read_answer(body)
    if answer is None:
        return Conclusion(Remedy.RETRY, "unreadable_answer", in_doubt=True)
    if answer.code is None:
        return Conclusion(Remedy.RETRY, "no_code", log_id=answer.log_id, in_doubt=True)
    if answer.code == 0:
        return Conclusion(None, None, 0, answer.log_id, answer.fields)
    said = meaning(group, answer.code)
    return Conclusion(said.remedy, said.reason, answer.code, answer.log_id, in_doubt=said.in_doubt)


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


def number(value: object) -> int | None:
    """A number of at most 32 bits, which the platform writes as such or as a string."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if abs(value) < 2**31 else None
    text = value.strip() if isinstance(value, str) else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None  # noqa: PLR2004  32 bits


def _payload(fields: dict[str, Any]) -> dict[str, Any]:
    """What an answer carries: in `data`, beside it, or as `data` itself when that is a list."""
    beside = {key: value for key, value in fields.items() if key not in _WRAPPING}
    data = fields.get("data")
    if not isinstance(data, dict):
        return beside if data is None else {**beside, "data": data}
    return {**beside, **{key: value for key, value in data.items() if key not in _WRAPPING}}


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
    return tuple(number(_object(item).get("error_code")) for item in value)
