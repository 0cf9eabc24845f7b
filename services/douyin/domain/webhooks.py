"""What a webhook says: read leniently, told in our words. Raw bytes are kept whatever happens here."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from services.douyin.domain.attempts import content_hash
from services.douyin.domain.strict_json import NotStrict, parse_text

VERIFY: Final = "verify_webhook"
AHEAD: Final = timedelta(minutes=5)
MOST_ID: Final = 256
MOST_OPEN_ID: Final = 200  # as everywhere in our APIs and contracts

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_MS: Final = 4_102_444_800_000  # the year 2100: beyond it, it is no time
_SECONDS_BELOW: Final = 100_000_000_000
_NESTED: Final = 3  # how often `content` may be a string that holds JSON

# dedupe by the signed message id; all other events by a hash of the body
_OF_MESSAGES: Final = frozenset(
    {"im_receive_msg", "im_send_msg", "im_enter_direct_msg"}
    | {"im_group_receive_msg", "im_group_send_msg"}
)
_FROM_ACCOUNT: Final = frozenset(
    {"im_send_msg", "im_group_send_msg", "authorize", "unauthorize", "create_video"}
    | {"contract_authorize", "contract_unauthorize"}
)
_FROM_EITHER: Final = frozenset({"im_recall_msg"})
_NOT_USED: Final = frozenset(
    {"im_recall_msg", "im_message_read", "im_group_receive_msg", "im_group_send_msg"}
    | {"enter_group_audit_change", "group_fans_event", "im_authorize", "new_video_digg"}
    | {"im_authorize_message_callback", "authorize", "unauthorize", "contract_authorize"}
    | {"contract_unauthorize", "create_video", "item_comment_reply", "union_auth_info_for_c"}
    | {"union_auth_info_for_b", "receive_msg", "enter_im", "dial_phone", "website_contact"}
    | {"personal_tab_contact"}
)


class Intake(StrEnum):
    """What became of a stored event."""

    HANDLED = "handled"
    IGNORED = "ignored"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class Message:
    """A direct message between fan and account."""

    message_id: str
    conversation_id: str
    fan: str
    kind: str
    text: str | None
    at_ms: int


@dataclass(frozen=True, slots=True)
class Received(Message):
    """The fan wrote."""


@dataclass(frozen=True, slots=True)
class Echoed(Message):
    """Our own app wrote."""

    content_hash: str


@dataclass(frozen=True, slots=True)
class PersonWrote(Message):
    """Somebody wrote by hand in the Douyin app."""


@dataclass(frozen=True, slots=True)
class Entered:
    """The fan opened the chat page."""

    message_id: str
    conversation_id: str
    fan: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Followed:
    """The fan followed the account."""

    fan: str
    at_ms: int


Fact = Received | Echoed | PersonWrote | Entered | Followed


@dataclass(frozen=True, slots=True)
class Webhook:
    """The outer fields, cleaned; `content` None when it cannot be read."""

    event: str
    from_id: str
    to_id: str
    content: dict[str, Any] | None  # Any: JSON, whose shape the platform changes

    @property
    def account_ids(self) -> tuple[str, ...]:
        """The open_ids under which the account may be named."""
        if self.event in _FROM_EITHER:
            return (self.to_id, self.from_id)
        return (self.from_id,) if self.event in _FROM_ACCOUNT else (self.to_id,)


@dataclass(frozen=True, slots=True)
class Reading:
    """What the event says to us: a fact, or why it is none."""

    state: Intake
    reason: str | None
    kind: str
    fact: Fact | None
    at_ms: int | None
    message_id: str | None  # what de-duplicates it; None: the hash of the body does


class _Malformed(ValueError):
    pass


def storable(text: str) -> str:
    """The text without what PostgreSQL and JSON cannot hold: NUL and lone surrogates."""
    if text.isascii():
        return text.replace("\x00", "\ufffd") if "\x00" in text else text
    return text.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")


def moment(at_ms: int) -> datetime:
    """Milliseconds since 1970 as a time."""
    return _EPOCH + timedelta(milliseconds=at_ms)


def read(body: dict[str, Any]) -> Webhook:
    """The outer fields of a parsed body."""
    return Webhook(
        event=_short(body.get("event")),
        from_id=_short(body.get("from_user_id"), MOST_OPEN_ID),
        to_id=_short(body.get("to_user_id"), MOST_OPEN_ID),
        content=_content(body.get("content")),
    )


def _short(value: object, most: int = MOST_ID) -> str:
    # what is no id, or too long for one, names nobody
    return storable(value) if isinstance(value, str) and len(value) <= most else ""


def _content(value: object) -> dict[str, Any] | None:
    for _ in range(_NESTED):
        if not isinstance(value, str):
            break
        if not value.strip():
            return {}
        try:
            value = parse_text(value)
        except NotStrict:
            return None
    if value is None:
        return {}
    return value if isinstance(value, dict) else None


def interpret(webhook: Webhook, client_key: str) -> Reading:
    """What the event says, without regard to its age or to whose it is."""
    content = webhook.content or {}
    at_ms = _time(content.get("create_time", content.get("action_time")))
    message_id = None
    if webhook.event in _OF_MESSAGES:
        message_id = _short(content.get("server_message_id")) or None
    kind = _short(content.get("message_type"))[:64] or webhook.event
    reader = _READERS.get(webhook.event)
    if webhook.content is None or not webhook.event:
        return Reading(Intake.QUARANTINED, "malformed", kind, None, at_ms, message_id)
    if reader is None:
        reason = "not_used" if webhook.event in _NOT_USED else "unknown_event"
        return Reading(Intake.IGNORED, reason, kind, None, at_ms, message_id)
    try:
        fact = reader(webhook, content, client_key)
    except _Malformed as wrong:
        return Reading(Intake.QUARANTINED, f"malformed:{wrong}", kind, None, at_ms, message_id)
    if isinstance(fact, str):
        return Reading(Intake.IGNORED, fact, kind, None, at_ms, message_id)
    return Reading(Intake.HANDLED, None, kind, fact, fact.at_ms, message_id)


def age_refusal(at_ms: int | None, now: datetime, max_age: timedelta | None) -> str | None:
    """Why an event of that time goes to quarantine; None when its age is right or unknown."""
    if at_ms is None:
        return None
    at = moment(at_ms)
    if at > now + AHEAD:
        return "ahead_of_time"
    return "too_old" if max_age is not None and at < now - max_age else None


def _number(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:  # noqa: PLR2004  64 bits
        return int(value)
    return None


def _time(value: object) -> int | None:
    number = _number(value)
    if number is None or number <= 0:
        return None
    at_ms = number * 1000 if number < _SECONDS_BELOW else number
    return at_ms if at_ms < _LATEST_MS else None


def _needed(name: str, value: object) -> str:
    found = _short(value)
    if not found:
        raise _Malformed(name)
    return found


def _at(content: dict[str, Any]) -> int:
    at_ms = _time(content.get("create_time"))
    if at_ms is None:
        raise _Malformed("create_time")
    return at_ms


def _message(content: dict[str, Any], fan: str) -> Message | str:
    if _number(content.get("conversation_type", 1)) != 1:
        return "group_message"
    kind = _short(content.get("message_type"))[:64] or "other"
    text = content.get("text")
    return Message(
        message_id=_needed("server_message_id", content.get("server_message_id")),
        conversation_id=_needed("conversation_short_id", content.get("conversation_short_id")),
        fan=_needed("fan", fan),
        kind=kind,
        text=storable(text) if kind == "text" and isinstance(text, str) else None,
        at_ms=_at(content),
    )


def _fields(m: Message) -> tuple[str, str, str, str, str | None, int]:
    return m.message_id, m.conversation_id, m.fan, m.kind, m.text, m.at_ms


def _received(webhook: Webhook, content: dict[str, Any], _: str) -> Fact | str:
    message = _message(content, webhook.from_id)
    return message if isinstance(message, str) else Received(*_fields(message))


def _sent(webhook: Webhook, content: dict[str, Any], client_key: str) -> Fact | str:
    source = content.get("source") or ""
    if source not in {"", client_key}:
        return "another_app"
    message = _message(content, webhook.to_id)
    if isinstance(message, str):
        return message
    if source:
        return Echoed(*_fields(message), content_hash(message.kind, message.text or ""))
    return PersonWrote(*_fields(message))


def _entered(webhook: Webhook, content: dict[str, Any], _: str) -> Fact | str:
    return Entered(
        message_id=_needed("server_message_id", content.get("server_message_id")),
        conversation_id=_needed("conversation_short_id", content.get("conversation_short_id")),
        fan=_needed("fan", webhook.from_id),
        at_ms=_at(content),
    )


def _followed(webhook: Webhook, content: dict[str, Any], _: str) -> Fact | str:
    if _number(content.get("action_type", 1)) != 1:
        return "not_a_follow"
    seconds = _number(content.get("action_time"))  # this event counts in seconds
    if seconds is None or not 0 < seconds < _LATEST_MS // 1000:
        raise _Malformed("action_time")
    return Followed(_needed("fan", webhook.from_id), seconds * 1000)


_READERS: Final[dict[str, Callable[[Webhook, dict[str, Any], str], Fact | str]]] = {
    "im_receive_msg": _received,
    "im_send_msg": _sent,
    "im_enter_direct_msg": _entered,
    "new_follow_action": _followed,
}
