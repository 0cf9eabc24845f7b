"""From a fact of the platform to the event that we tell: texts sealed, milliseconds become times."""

from collections.abc import Callable
from dataclasses import fields
from datetime import datetime
from typing import Any, Final

import orjson

from services.douyin.domain import webhooks
from services.douyin.domain.webhooks import (
    Echoed,
    Entered,
    Fact,
    Followed,
    PersonWrote,
    Received,
    moment,
)
from shared.contracts.envelope import Event
from shared.contracts.events import douyin as events
from shared.contracts.routing import is_heard

Seal = Callable[[str], str]

# facts outside of the conversation: their fields have the event's names, `at_ms` has a better one
_OTHERS: Final[dict[type[Any], tuple[type[Event], str]]] = {
    webhooks.Recalled: (events.MessageRecalled, "recalled_at"),
    webhooks.ReadUpTo: (events.MessagesRead, "read_at"),
    webhooks.GroupSpoken: (events.GroupMessageSeen, "created_at"),
    webhooks.ApplicationChanged: (events.GroupApplicationChanged, "created_at"),
    webhooks.GroupJoined: (events.GroupJoined, "joined_at"),
    webhooks.GrantChanged: (events.GrantChanged, "changed_at"),
    webhooks.VideoLiked: (events.VideoLiked, "liked_at"),
    webhooks.VideoCommented: (events.VideoCommented, "commented_at"),
    webhooks.VideoCreated: (events.VideoCreated, "created_at"),
    webhooks.IdentitiesLinked: (events.IdentitiesLinked, "linked_at"),
    webhooks.ContactMade: (events.ContactMade, "made_at"),
    webhooks.AuthorisationReported: (events.AuthorisationReported, "reported_at"),
}
_SEALED: Final = frozenset({"text", "nickname"})


def is_told(fact: Fact) -> bool:
    """Whether anybody hears the event that this fact becomes."""
    other = _OTHERS.get(type(fact))
    return other is None or is_heard(other[0].type)


def translate(fact: Fact, seal: Seal, now: datetime, *, lives_by_arrival: bool) -> Event:
    """The event that tells the fact; what names no time happened when it arrived.

    `lives_by_arrival`: windows open now, because the event may be years old.
    """
    match fact:
        case Received() | PersonWrote():
            return _message(fact, seal, now, lives_by_arrival=lives_by_arrival)
        case Followed():
            return events.FanFollowed(open_id=fact.fan, followed_at=moment(fact.at_ms))
        case Entered():
            return events.PageEntered(
                message_id=fact.message_id,
                conversation_id=fact.conversation_id,
                open_id=fact.fan,
                created_at=moment(fact.at_ms),
                window_opened_at=now if lives_by_arrival else moment(fact.at_ms),
                item_id=fact.item_id,
                ad=dict(fact.ad),
            )
        case Echoed():
            return events.MessageEchoed(
                message_id=fact.message_id,
                conversation_id=fact.conversation_id,
                open_id=fact.fan,
                kind=fact.kind,
                content_hash=fact.content_hash,
                created_at=moment(fact.at_ms),
            )
    return _other(fact, seal, now)


def _message(
    fact: Received | PersonWrote, seal: Seal, now: datetime, *, lives_by_arrival: bool
) -> Event:
    created_at = moment(fact.at_ms)
    message: dict[str, Any] = {
        "message_id": fact.message_id,
        "conversation_id": fact.conversation_id,
        "open_id": fact.fan,
        "kind": fact.kind,
        "text": None if fact.text is None else seal(fact.text),
        "created_at": created_at,
    }
    if isinstance(fact, PersonWrote):
        return events.PersonAnswered(**message)
    opened_at = now if lives_by_arrival else created_at
    card = None if fact.card is None else _card(fact.card, seal)
    return events.MessageReceived(
        **message, window_opened_at=opened_at, item_id=fact.item_id, card=card
    )


def _card(card: webhooks.AnsweredCard, seal: Seal) -> events.AnsweredCard:
    answers = orjson.dumps(card.answers).decode()
    return events.AnsweredCard(card_id=card.card_id, status=card.status, answers=seal(answers))


def _other(fact: Fact, seal: Seal, now: datetime) -> Event:
    event, its_time = _OTHERS[type(fact)]
    told: dict[str, Any] = {}
    for field in fields(fact):
        value = getattr(fact, field.name)
        if field.name == "at_ms":
            told[its_time] = now if value is None else moment(value)
        elif field.name.endswith("_ms"):
            told[field.name.removesuffix("_ms") + "_at"] = None if value is None else moment(value)
        else:
            told[field.name] = seal(value) if value and field.name in _SEALED else value
    return event(**told)
