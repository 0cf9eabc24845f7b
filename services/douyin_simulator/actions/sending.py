"""The one call that matters: an app sends a direct message for an account."""

from typing import NamedTuple

import orjson

from services.douyin_simulator.actions.calling import Answer, Call
from services.douyin_simulator.actions.publishing import publish_echo
from services.douyin_simulator.actions.references import check_references
from services.douyin_simulator.actions.world import World
from services.douyin_simulator.domain import codes
from services.douyin_simulator.domain.contents import Content
from services.douyin_simulator.domain.grants import Grant, grant_id
from services.douyin_simulator.domain.identifiers import conversation_id
from services.douyin_simulator.domain.platform import platform_day
from services.douyin_simulator.domain.sends import (
    B2B_SCENE,
    B2B_SCOPE,
    ProactiveRequest,
    SendRequest,
    Standing,
    decide,
    parse_send,
)
from services.douyin_simulator.domain.traits import AccountTraits, FanTraits, check_parties
from services.douyin_simulator.store import SentMessage


class Envelope(NamedTuple):
    """To whom a message goes and what it answers."""

    to_user_id: str
    conversation_id: str
    scene: str
    reply_to_msg_id: str = ""


def send_message(world: World, call: Call) -> Answer:
    """Decide on a send; if accepted, record it and post its echo before the answer goes out."""
    state = world.store.state
    request = parse_send(call.fields, world.caps)
    if isinstance(request, int):
        return request
    refused = check_parties(
        state.shelves.of(AccountTraits).get(call.open_id),
        state.shelves.of(FanTraits).get(request.to_user_id),
    )
    if refused:
        return refused
    if isinstance(request, ProactiveRequest):
        return _send_proactively(world, call, request)
    return _reply(world, call, request)


def accept(world: World, call: Call, envelope: Envelope, content: Content) -> str | int:
    """Record a message and post its echo. Returns its id, or the code of a hopeless nesting."""
    message = SentMessage(
        seq=len(world.store.state.sent) + 1,
        accepted_at_ms=world.now_ms(),
        client_key=call.client_key,
        open_id=call.open_id,
        to_user_id=envelope.to_user_id,
        conversation_id=envelope.conversation_id,
        scene=envelope.scene,
        reply_to_msg_id=envelope.reply_to_msg_id,
        msg_id=world.fresh_id("sent", call.client_key),
        content=content,
    )
    try:
        world.store.add_sent(message)
    except orjson.JSONEncodeError:  # nested deeper than anything that a message may hold
        return codes.ILLEGAL_PARAMETER
    publish_echo(world, message)
    return message.msg_id


def _reply(world: World, call: Call, request: SendRequest) -> Answer:
    state, now_ms = world.store.state, world.now_ms()
    context = state.contexts.get((call.open_id, request.msg_id))
    day = platform_day(now_ms)
    standing = Standing(
        follows=state.follows.get((call.open_id, request.to_user_id), False),
        greetings_today=state.greetings.get((call.open_id, request.to_user_id, day), 0),
        calls_today=state.calls.get((call.client_key, day), 0),
    )
    refused = decide(request, context, standing, world.caps, now_ms)
    refused = refused or check_references(world, call, request.content)
    if refused:
        return refused
    envelope = Envelope(request.to_user_id, request.conversation_id, request.scene, request.msg_id)
    msg_id = accept(world, call, envelope, request.content)
    return msg_id if isinstance(msg_id, int) else {"msg_id": msg_id}


def _send_proactively(world: World, call: Call, request: ProactiveRequest) -> Answer:
    """Send what can be sent of up to three messages; each has a status of its own."""
    refused = _may_write_first(world, call, request)
    if refused:
        return refused
    state = world.store.state
    known = state.conversations.get((call.open_id, request.to_user_id))
    conversation = known or conversation_id(call.client_key, call.open_id, request.to_user_id)
    envelope = Envelope(request.to_user_id, conversation, request.scene)
    results: list[str | int] = [
        wrong or check_references(world, call, item) or accept(world, call, envelope, item)
        for item, wrong in zip(request.items, request.refused, strict=True)
    ]
    sent = [result for result in results if isinstance(result, str)]
    failed = [result if isinstance(result, int) else codes.OK for result in results]
    if not sent:
        return failed[0]
    return {
        "msg_id": sent[0],
        "msg_list": sent,
        "all_send_success": not any(failed),
        "send_msg_status_list": [
            {"error_code": code, "description": codes.describe(code)} for code in failed
        ],
    }


def _may_write_first(world: World, call: Call, request: ProactiveRequest) -> int:
    state = world.store.state
    if request.scene == B2B_SCENE:
        given = state.apps[call.client_key].scopes
        return codes.OK if given is not None and B2B_SCOPE in given else codes.NO_CAPABILITY
    grant = state.shelves.of(Grant).get(grant_id(call.open_id, request.to_user_id))
    if grant is None or not grant.given:
        return codes.NOT_AUTHORISED
    reached = state.reached.get((call.open_id, platform_day(world.now_ms())), {})
    before = len(reached.get(request.to_user_id, ()))
    if before >= world.caps.grant_sends_per_user_day:
        return codes.CAP_REACHED
    full = not before and len(reached) >= world.caps.grant_users_per_day
    return codes.CAP_REACHED if full else codes.OK
