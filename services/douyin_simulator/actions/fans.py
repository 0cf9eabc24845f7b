"""What fans do: exist, follow, write, enter; and what staff types in the app by hand."""

from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Final

from services.douyin_simulator.actions.publishing import publish
from services.douyin_simulator.actions.world import World
from services.douyin_simulator.clients import Event
from services.douyin_simulator.domain import demo, events
from services.douyin_simulator.domain.grants import MediaResource
from services.douyin_simulator.domain.identifiers import (
    OWN_ID_PREFIX,
    conversation_id,
    log_id,
    own_open_id,
)
from services.douyin_simulator.domain.platform import Account, ContextKind, Fan
from services.douyin_simulator.domain.traits import FanTraits
from services.douyin_simulator.store import kept
from services.douyin_simulator.store.state import Record

# What fans send from their phones, and what the resource call names it.
_MEDIA: Final = {"user_local_image": "image", "user_local_video": "video"}


class UnknownAccountError(Exception):
    """No account of this platform has this open id."""


@dataclass(frozen=True, slots=True)
class FanChange:
    """A fan to be there; None leaves as it is what is known, or takes the default.

    `traits` are fields of FanTraits by name.
    """

    open_id: str
    nickname: str | None = None
    avatar: str | None = None
    follows: bool | None = None
    traits: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Said:
    """What a person does in a conversation. `fields` replaces a text by another message type."""

    sender: str
    receiver: str
    entered: bool = False
    fields: events.Fields = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Posted:
    """The ids of what was said; `event` is None when the app has switched that event off."""

    msg_id: str
    conversation_id: str
    at_ms: int
    event: Event | None


@dataclass(frozen=True, slots=True)
class KnownFan:
    """A fan as one account sees them; `follows` is None when it was never said."""

    fan: Fan
    follows: bool | None


@dataclass(frozen=True, slots=True)
class Registration:
    """An inbound id that somebody else posts to the app."""

    msg_id: str
    conversation_id: str
    fan: str
    account: str
    kind: ContextKind
    from_first_use: bool = False


def list_fans(world: World, account: str, after: int, limit: int) -> list[KnownFan]:
    """Fans in the order in which they came, after the first `after`."""
    state = world.store.state
    page = islice(state.fans.values(), after, after + limit)
    return [KnownFan(fan, state.follows.get((account, fan.open_id))) for fan in page]


def change_fans(world: World, account_id: str, changes: list[FanChange], *, notify: bool) -> int:
    """Create or change fans; who begins to follow is announced. Returns how many were new."""
    account = known_account(world, account_id)
    changes = [_under_app(world, account, change) for change in changes]
    state, before = world.store.state, len(world.store.state.fans)
    started = [
        change.open_id
        for change in changes
        if change.follows and not state.follows.get((account_id, change.open_id), False)
    ]
    world.store.append(*[line for change in changes for line in _lines(world, account, change)])
    if notify:
        for fan in started:
            _announce_follow(world, account, fan)
    return len(state.fans) - before


def say(world: World, said: Said) -> Posted:
    """A fan writes or enters: open the context, post the event."""
    account = known_account(world, said.receiver)
    fan = known_fan(world, account, said.sender)
    kind = ContextKind.ENTER if said.entered else ContextKind.MESSAGE
    conversation = conversation_of(world, account, fan.open_id)
    msg_id, now_ms = world.fresh_id("inbound", account.client_key), world.now_ms()
    place = Registration(msg_id, conversation, fan.open_id, account.open_id, kind)
    records = [_context(place, now_ms)]
    media = _MEDIA.get(said.fields.get("message_type", ""))
    if media:
        records.append(kept(MediaResource(msg_id, account.open_id, conversation, media)))
    world.store.append(*records)
    users = events.user_infos(fan, account)
    said_at = (conversation, msg_id, now_ms, users, said.fields)
    if said.entered:
        name, content = events.ENTERED, events.entered_content(*said_at)
    else:
        name, content = events.RECEIVED, events.received_content(*said_at)
    event = new_event(world, name, (account.client_key, fan.open_id, account.open_id), content)
    posted = publish(world, event, conversation_id=conversation)
    return Posted(msg_id, conversation, now_ms, posted)


def type_in_app(world: World, said: Said) -> Posted:
    """Staff answers in the app by hand: an echo without source, no budget, not in the record."""
    account = known_account(world, said.sender)
    fan = known_fan(world, account, said.receiver)
    conversation = conversation_of(world, account, fan.open_id)
    msg_id, now_ms = world.fresh_id("typed", account.client_key), world.now_ms()
    message = {"msg_type": 1, "text": {"text": said.fields["text"]}}
    content = events.sent_content(
        conversation, msg_id, now_ms, events.user_infos(fan, account), message, ""
    )
    parties = (account.client_key, account.open_id, fan.open_id)
    event = new_event(world, events.SENT, parties, content)
    return Posted(msg_id, conversation, now_ms, publish(world, event, conversation_id=conversation))


def register(world: World, registrations: list[Registration]) -> int:
    """Make inbound ids known without posting anything; a known id stays as it is.

    Returns how many were new.
    """
    state, now_ms = world.store.state, world.now_ms()
    fresh: dict[tuple[str, str], Registration] = {}
    for one in registrations:
        known_account(world, one.account)
        if (one.account, one.msg_id) not in state.contexts:
            fresh.setdefault((one.account, one.msg_id), one)
    world.store.append(
        *[_context(one, None if one.from_first_use else now_ms) for one in fresh.values()]
    )
    return len(fresh)


def known_account(world: World, open_id: str) -> Account:
    """The account with this open id."""
    account = world.store.state.accounts.get(open_id)
    if account is None:
        raise UnknownAccountError(open_id)
    return account


def known_fan(world: World, account: Account, person: str) -> Fan:
    """The fan as the account's app sees them; nobody needs to have introduced them."""
    open_id = open_id_of(world, account, person)
    return world.store.state.fans.get(open_id) or demo.unseen_fan(open_id)


def open_id_of(world: World, account: Account, person: str) -> str:
    """The open id of a person under the account's app; an open id of that app stays as it is."""
    app = world.store.state.apps[account.client_key]
    if not app.own_open_ids or person.startswith(OWN_ID_PREFIX):
        return person
    return own_open_id(account.client_key, person)


def conversation_of(world: World, account: Account, fan: str) -> str:
    """The one conversation of an account and a fan."""
    known = world.store.state.conversations.get((account.open_id, fan))
    return known or conversation_id(account.client_key, account.open_id, fan)


def new_event(
    world: World, name: str, parties: tuple[str, str, str], content: events.Fields
) -> events.Event:
    """An event with a log id; `parties` are the app, the sender and the receiver."""
    log = log_id(world.now_ms(), world.store.state.records)
    return events.Event(name, *parties, log, content)


def _announce_follow(world: World, account: Account, fan: str) -> None:
    content = events.followed_content(world.now_ms())
    parties = (account.client_key, fan, account.open_id)
    publish(world, new_event(world, events.FOLLOWED, parties, content), conversation_id=None)


def _under_app(world: World, account: Account, change: FanChange) -> FanChange:
    open_id = open_id_of(world, account, change.open_id)
    if open_id == change.open_id:
        return change
    return replace(change, open_id=open_id, traits={**change.traits, "person": change.open_id})


def _lines(world: World, account: Account, change: FanChange) -> list[Record]:
    known = world.store.state.fans.get(change.open_id) or demo.unseen_fan(change.open_id)
    lines: list[Record] = [
        {
            "t": "fan",
            "open_id": change.open_id,
            "nickname": known.nickname if change.nickname is None else change.nickname,
            "avatar": known.avatar if change.avatar is None else change.avatar,
        }
    ]
    if change.traits:
        shelf = world.store.state.shelves.of(FanTraits)
        traits = shelf.get(change.open_id, FanTraits(change.open_id))
        lines.append(kept(replace(traits, **change.traits)))
    if change.follows is not None:
        pair, now_ms = (account.open_id, change.open_id), world.now_ms()
        lines.append(follow_record(pair, now_ms, follows=change.follows))
    return lines


def follow_record(pair: tuple[str, str], at_ms: int, *, follows: bool) -> Record:
    """The record that from now on a fan follows an account, or does not."""
    account, fan = pair
    return {"t": "follow", "account": account, "fan": fan, "follows": follows, "at_ms": at_ms}


def _context(one: Registration, opened_at_ms: int | None) -> Record:
    return {
        "t": "context",
        "account": one.account,
        "fan": one.fan,
        "conversation": one.conversation_id,
        "msg_id": one.msg_id,
        "kind": one.kind.value,
        "opened_at_ms": opened_at_ms,
    }
