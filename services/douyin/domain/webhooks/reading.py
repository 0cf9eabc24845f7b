"""From a parsed body to a reading: the outer fields, which reader takes it, and whether its age is right."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from services.douyin.domain.strict_json import NotStrict, parse_text
from services.douyin.domain.webhooks import groups, interactions, messages, owners
from services.douyin.domain.webhooks.facts import Fact
from services.douyin.domain.webhooks.fields import (
    Fields,
    Malformed,
    Outer,
    kind_of,
    moment,
    person,
    short,
    time_ms,
)

VERIFY: Final = "verify_webhook"
AHEAD: Final = timedelta(minutes=5)
_NESTED: Final = 3  # how often `content` may be a string that holds JSON

_OF_OWNERS: Final = ("authorize", "unauthorize", "contract_authorize", "contract_unauthorize")

Reader = Callable[[Outer, Fields], Fact | str]
_READERS: Final[dict[str, Reader]] = {
    "im_receive_msg": messages.received,
    "im_send_msg": messages.sent,
    "im_enter_direct_msg": messages.entered,
    "im_recall_msg": messages.recalled,
    "im_message_read": messages.read_up_to,
    "im_group_receive_msg": groups.group_spoken,
    "im_group_send_msg": groups.group_spoken,
    "enter_group_audit_change": groups.application_changed,
    "group_fans_event": groups.group_joined,
    "new_follow_action": interactions.followed,
    "new_video_digg": interactions.liked,
    "item_comment_reply": interactions.commented,
    "create_video": interactions.video_created,
    "im_authorize": interactions.grant_changed,
    "union_auth_info_for_c": interactions.identities_linked,
    "union_auth_info_for_b": interactions.identities_linked,
    **dict.fromkeys(interactions.WAYS, interactions.contacted),
    **dict.fromkeys(_OF_OWNERS, owners.reported),
}
# in the platform's catalogue, but nothing is documented that we could act upon
_NOT_USED: Final = frozenset({"im_authorize_message_callback"})

# dedupe by the signed message id; all other events by a hash of the body
_OF_MESSAGES: Final = frozenset(
    {"im_receive_msg", "im_send_msg", "im_enter_direct_msg", "im_recall_msg"}
    | {"im_group_receive_msg", "im_group_send_msg"}
)
_FROM_ACCOUNT: Final = frozenset({"im_send_msg", "create_video", *_OF_OWNERS})
# the account may stand on either side; where even that is not certain, the content names it too
_FROM_EITHER: Final = frozenset(
    {"im_recall_msg", "im_message_read", "im_group_receive_msg", "im_group_send_msg"}
    | {"union_auth_info_for_c", "union_auth_info_for_b"}
)
_NAMES_ACCOUNT: Final = ("owner_id", "b_open_id")


class Intake(StrEnum):
    """What became of a stored event."""

    HANDLED = "handled"
    STORED = "stored"  # understood, and nobody hears it yet
    IGNORED = "ignored"
    QUARANTINED = "quarantined"


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
            content = self.content or {}
            named = (person(content.get(name)) for name in _NAMES_ACCOUNT)
            return (*(n for n in named if n), self.to_id, self.from_id)
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


def read(body: dict[str, Any]) -> Webhook:
    """The outer fields of a parsed body."""
    return Webhook(
        event=short(body.get("event")),
        from_id=person(body.get("from_user_id")),
        to_id=person(body.get("to_user_id")),
        content=_content(body.get("content")),
    )


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


def interpret(webhook: Webhook, client_key: str, account: str = "") -> Reading:
    """What the event says, without regard to its age or to whose it is.

    `account` is the open_id of the bound account that it names.
    """
    content = webhook.content or {}
    at_ms = time_ms(content.get("create_time", content.get("action_time")))
    message_id = None
    if webhook.event in _OF_MESSAGES:
        message_id = short(content.get("server_message_id")) or None
    kind = kind_of(content) or webhook.event
    reader = _READERS.get(webhook.event)
    if webhook.content is None or not webhook.event:
        return Reading(Intake.QUARANTINED, "malformed", kind, None, at_ms, message_id)
    if reader is None:
        reason = "not_used" if webhook.event in _NOT_USED else "unknown_event"
        return Reading(Intake.IGNORED, reason, kind, None, at_ms, message_id)
    outer = Outer(webhook.event, webhook.from_id, webhook.to_id, client_key, account)
    try:
        fact = reader(outer, content)
    except Malformed as wrong:
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
