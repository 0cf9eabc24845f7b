"""Events on their way to the app: signed, and struck by the failures that were ordered."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import orjson

from services.douyin_simulator.actions.world import Manners, World
from services.douyin_simulator.clients import Attempt, Event
from services.douyin_simulator.domain import demo, events
from services.douyin_simulator.domain.failures import Failure, FailureKind, Match
from services.douyin_simulator.domain.identifiers import header_id, log_id, opaque_id
from services.douyin_simulator.domain.sends import GROUP_SCENE
from services.douyin_simulator.domain.signature import sign
from services.douyin_simulator.store import SentMessage

# An event that is to be overtaken waits for the next one, but not for ever.
_OVERTAKEN_AT_LATEST_S: Final = 1.0
_OVERTAKEN_BY_S: Final = 0.05


def encode(event: events.Event, manners: Manners) -> bytes:
    """The bytes of an event: compact JSON, raw UTF-8, `content` as object or string.

    Manners may flip the form of the content, or escape everything that is not ASCII.
    """
    flipped = manners.content_encoding == "flipped"
    content: events.Fields | str = event.content
    if (event.name in events.CONTENT_IS_STRING) != flipped:
        content = orjson.dumps(event.content).decode()
    if manners.escaped_events:
        return json.dumps(event.outer(content), separators=(",", ":")).encode()
    return orjson.dumps(event.outer(content))


def publish(world: World, event: events.Event, *, conversation_id: str | None) -> Event | None:
    """Write the event down, then post it. None if the app has switched this event off."""
    state = world.store.state
    if state.muted_events.get((event.client_key, event.name)):
        return None
    msg_id = header_id(state.world_id, "event", state.records)
    subject = _subject(world, event, conversation_id)
    body = encode(event, world.manners)
    world.store.append(
        {
            "t": "event",
            "msg_id": msg_id,
            "client_key": event.client_key,
            "name": event.name,
            "body": body.decode(),
            "account": subject.open_id,
            "from": event.from_user_id,
            "at_ms": world.now_ms(),
        }
    )
    posted = signed_event(world, msg_id, event.client_key, event.name, body)
    hand_over(world, posted, subject)
    return posted


def publish_echo(world: World, message: SentMessage) -> None:
    """Post the echo of an accepted send. It needs no record: the send itself is one."""
    msg_id = world.store.echo_header(message.seq)
    name = events.GROUP_SENT if message.scene == GROUP_SCENE else events.SENT
    if world.store.state.muted_events.get((message.client_key, name)):
        world.store.settle_soon(msg_id)
        return
    body = echo_body(world, message)
    posted = signed_event(world, msg_id, message.client_key, name, body)
    subject = Match(message.open_id, message.to_user_id, message.conversation_id, name)
    hand_over(world, posted, subject)


def echo_body(world: World, message: SentMessage) -> bytes:
    """The bytes of the echo, the same whenever they are built."""
    state = world.store.state
    account = state.accounts[message.open_id]
    log = log_id(message.accepted_at_ms, message.seq)
    parties = (message.client_key, message.open_id, message.to_user_id)
    echo_id = message.msg_id
    if world.manners.echo_id == "different":
        echo_id = opaque_id(state.world_id, "echo", message.seq)
    at_ms, place = message.accepted_at_ms, message.conversation_id
    if message.scene == GROUP_SCENE:
        said = {"source": message.client_key, **events.message_fields(message.content)}
        fields = {**said, "user_infos": [events.account_info(account)]}
        content = events.group_content(place, echo_id, at_ms, account.open_id, fields)
        echo = events.Event(events.GROUP_SENT, *parties, log, content)
    else:
        fan = state.fans.get(message.to_user_id) or demo.unseen_fan(message.to_user_id)
        users = events.user_infos(fan, account)
        content = events.sent_content(
            place, echo_id, at_ms, users, message.content, message.client_key
        )
        echo = events.Event(events.SENT, *parties, log, content)
    return encode(echo, world.manners)


def signed_event(world: World, msg_id: str, client_key: str, name: str, body: bytes) -> Event:
    """The event ready to be posted to the app's URL."""
    app = world.store.state.apps[client_key]
    url, signature = world.webhook_url(app), sign(app.client_secret, body)
    return Event(msg_id, client_key, name, url, body, signature)


def resume(world: World) -> int:
    """Post again what an earlier run had not finished. Returns how many events."""
    unfinished = list(world.store.state.pending.values())
    for pending in unfinished:
        body = pending.body
        if pending.seq:
            body = echo_body(world, world.store.sent_message(pending.seq))
        event = signed_event(world, pending.msg_id, pending.client_key, pending.name, body)
        world.webhooks.deliver(event)
    return len(unfinished)


async def first_try(posted: Event, timeout_s: float) -> Attempt | None:
    """How the first try of an event ended; None if it has not ended by then."""
    if posted.dropped:
        return None
    if posted.first_try is None:
        posted.first_try = asyncio.get_running_loop().create_future()
    try:
        return await asyncio.wait_for(posted.first_try, timeout_s)
    except TimeoutError:
        return None


def settled(world: World, event: Event, *, delivered: bool) -> None:
    """An event needs no further try. An app that hears nothing for long loses its subscription."""
    world.store.settle_soon(event.msg_id)
    if delivered:
        if world.unheard:
            del world.unheard[event.client_key]
        return
    world.unheard[event.client_key] += 1
    limit = world.manners.cancel_after_failures
    if limit and world.unheard[event.client_key] >= limit:
        mutes = [
            {"t": "muted", "client_key": event.client_key, "event": name, "muted": True}
            for name in events.ALL
        ]
        world.store.append(*mutes)


def hand_over(world: World, posted: Event, subject: Match) -> None:
    """Post the event, unless a failure drops, delays, doubles or holds it back."""
    failure = world.failure_for(subject, webhook=True)
    if failure is None:
        world.webhooks.deliver(posted)
        if world.held_back:
            _let_go(world)
        return
    world.count_failure(failure)
    _strike(world, posted, failure)


def _strike(world: World, posted: Event, failure: Failure) -> None:
    match failure.kind:
        case FailureKind.WEBHOOK_DROP | FailureKind.WEBHOOK_LOST_ECHO:
            posted.dropped = True
            world.store.settle_soon(posted.msg_id)
        case FailureKind.WEBHOOK_DELAY:
            world.webhooks.deliver(posted, after_s=failure.delay_ms / 1000)
        case FailureKind.WEBHOOK_DUPLICATE | FailureKind.WEBHOOK_REDELIVERED:
            world.webhooks.deliver(posted)
            again = replace(posted, tries=0, first_try=None)
            if failure.kind is FailureKind.WEBHOOK_REDELIVERED:
                again.msg_id = header_id(posted.msg_id, "again")
            world.webhooks.deliver(again, after_s=failure.delay_ms / 1000)
        case _:
            _hold_back(world, posted)


def _hold_back(world: World, posted: Event) -> None:
    def let_go() -> None:
        world.webhooks.deliver(posted, after_s=_OVERTAKEN_BY_S)

    def let_go_at_latest() -> None:
        if let_go in world.held_back:
            world.held_back.remove(let_go)
            let_go()

    world.held_back.append(let_go)
    asyncio.get_running_loop().call_later(_OVERTAKEN_AT_LATEST_S, let_go_at_latest)


def _let_go(world: World) -> None:
    held: list[Callable[[], None]] = world.held_back.copy()
    world.held_back.clear()
    for let_go in held:
        let_go()


def _subject(world: World, event: events.Event, conversation_id: str | None) -> Match:
    from_account = event.from_user_id in world.store.state.accounts
    open_id = event.from_user_id if from_account else event.to_user_id
    fan = event.to_user_id if from_account else event.from_user_id
    return Match(open_id, fan, conversation_id, event.name)
