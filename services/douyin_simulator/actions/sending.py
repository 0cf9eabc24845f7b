"""The one call that matters: an app sends a direct message for an account."""

import orjson

from services.douyin_simulator.actions.calling import Answer, Call
from services.douyin_simulator.actions.publishing import publish_echo
from services.douyin_simulator.actions.world import World
from services.douyin_simulator.domain import codes
from services.douyin_simulator.domain.platform import platform_day
from services.douyin_simulator.domain.sends import SendRequest, Standing, decide, parse_send
from services.douyin_simulator.domain.traits import AccountTraits, FanTraits, check_parties
from services.douyin_simulator.store import SentMessage


def send_message(world: World, call: Call) -> Answer:
    """Decide on a send; if accepted, record it and post its echo before the answer goes out."""
    now_ms, state = world.now_ms(), world.store.state
    request = parse_send(call.fields, world.caps)
    if isinstance(request, int):
        return request
    refused = check_parties(
        state.shelves.of(AccountTraits).get(call.open_id),
        state.shelves.of(FanTraits).get(request.to_user_id),
    )
    if refused:
        return refused
    context = state.contexts.get((call.open_id, request.msg_id))
    day = platform_day(now_ms)
    standing = Standing(
        follows=state.follows.get((call.open_id, request.to_user_id), False),
        greetings_today=state.greetings.get((call.open_id, request.to_user_id, day), 0),
        calls_today=state.calls.get((call.client_key, day), 0),
    )
    refused = decide(request, context, standing, world.caps, now_ms)
    return refused or _accept(world, call, request, now_ms)


def _accept(world: World, call: Call, request: SendRequest, now_ms: int) -> Answer:
    message = SentMessage(
        seq=len(world.store.state.sent) + 1,
        accepted_at_ms=now_ms,
        client_key=call.client_key,
        open_id=call.open_id,
        to_user_id=request.to_user_id,
        conversation_id=request.conversation_id,
        scene=request.scene,
        reply_to_msg_id=request.msg_id,
        msg_id=world.fresh_id("sent", call.client_key),
        content=request.content,
    )
    try:
        world.store.add_sent(message)
    except orjson.JSONEncodeError:  # nested deeper than anything that a message may hold
        return codes.ILLEGAL_PARAMETER
    publish_echo(world, message)
    return {"msg_id": message.msg_id}
