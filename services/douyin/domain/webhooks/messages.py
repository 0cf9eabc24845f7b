"""Readers of direct messages: what the fan wrote, what the account wrote, entries, recalls, receipts."""

import json
from typing import Final

from services.douyin.domain.contents import echo_hash
from services.douyin.domain.webhooks.facts import (
    AnsweredCard,
    Echoed,
    Entered,
    Fact,
    Message,
    PersonWrote,
    ReadUpTo,
    Recalled,
    Received,
)
from services.douyin.domain.webhooks.fields import (
    Fields,
    Outer,
    kind_of,
    needed,
    needed_number,
    needed_time,
    number,
    said,
    short,
    time_ms,
)

_DIRECT: Final = 1
_GROUP: Final = 2
_CARD: Final = "retain_consult_card"
_MOST_ANSWERS: Final = 50
_AD_IDS: Final = ("adv_id", "ad_id", "creative_id", "promotion_id")


def _message(content: Fields, fan: str) -> Message | str:
    if number(content.get("conversation_type", _DIRECT)) != _DIRECT:
        return "group_message"
    kind = kind_of(content) or "other"
    return Message(
        message_id=needed("server_message_id", content.get("server_message_id")),
        conversation_id=needed("conversation_short_id", content.get("conversation_short_id")),
        fan=needed("fan", fan),
        kind=kind,
        text=said(content, "text") if kind == "text" else None,
        at_ms=needed_time(content),
    )


def _fields(m: Message) -> tuple[str, str, str, str, str | None, int]:
    return m.message_id, m.conversation_id, m.fan, m.kind, m.text, m.at_ms


def received(outer: Outer, content: Fields) -> Fact | str:
    """The fan wrote."""
    message = _message(content, outer.from_id)
    if isinstance(message, str):
        return message
    if message.kind == "text":
        return Received(*_fields(message))
    item_id = short(content.get("item_id")) or None
    return Received(*_fields(message), item_id, _card(content) if message.kind == _CARD else None)


def _card(content: Fields) -> AnsweredCard | None:
    """What the fan filled in; what is no pair of texts is left out."""
    card_id = short(content.get("card_id"))
    rows = content.get("card_data")
    answers = [
        (label, value)
        for row in (rows if isinstance(rows, list) else [])[:_MOST_ANSWERS]
        if isinstance(row, dict)
        and (label := said(row, "label")) is not None
        and (value := said(row, "value")) is not None
    ]
    return AnsweredCard(card_id, _status(content), tuple(answers)) if card_id else None


def _status(content: Fields) -> int | None:
    status = number(content.get("card_status"))
    return status if status is not None and abs(status) < 2**31 else None


def sent(outer: Outer, content: Fields) -> Fact | str:
    """The account wrote: our app, or a person in Douyin's own."""
    source = content.get("source") or ""
    if source not in {"", outer.client_key}:
        return "another_app"
    message = _message(content, outer.to_id)
    if isinstance(message, str):
        return message
    if source:
        return Echoed(*_fields(message), echo_hash(message.kind, content))
    return PersonWrote(*_fields(message))


def entered(outer: Outer, content: Fields) -> Fact | str:
    """The fan opened the chat page."""
    return Entered(
        message_id=needed("server_message_id", content.get("server_message_id")),
        conversation_id=needed("conversation_short_id", content.get("conversation_short_id")),
        fan=needed("fan", outer.from_id),
        at_ms=needed_time(content),
        item_id=short(content.get("objectId")) or None,
        ad=_ad(content.get("ad_info")),
    )


def _ad(info: object) -> tuple[tuple[str, str], ...]:
    """The ids of the ad through which a fan came; the platform writes them as JSON in a text."""
    if isinstance(info, str):
        try:
            info = json.loads(info)
        except (ValueError, RecursionError):
            return ()
    if not isinstance(info, dict):
        return ()
    told = ((name, info.get(name)) for name in _AD_IDS)
    return tuple((name, found) for name, value in told if (found := _ad_id(value)))


def _ad_id(value: object) -> str:
    """An id, which comes as a number or a text; 0 names nothing."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    found = short(str(value) if is_number else value)
    return "" if found == "0" else found


def recalled(outer: Outer, content: Fields) -> Fact | str:
    """Somebody took a message back. The event says which, and neither where nor when."""
    return Recalled(
        message_id=needed("server_message_id", content.get("server_message_id")),
        open_id=outer.other,
        by_account=bool(outer.account) and outer.from_id == outer.account,
        at_ms=time_ms(content.get("create_time")),
    )


def read_up_to(outer: Outer, content: Fields) -> Fact | str:
    """The newest index that somebody has read; equal and lower ones are read too."""
    return ReadUpTo(
        conversation_id=needed("conversation_short_id", content.get("conversation_short_id")),
        is_group=number(content.get("conversation_type", _DIRECT)) == _GROUP,
        open_id=needed("read_open_id", content.get("read_open_id") or outer.from_id),
        index=needed_number(content, "index"),
        at_ms=time_ms(content.get("create_time")),
    )
