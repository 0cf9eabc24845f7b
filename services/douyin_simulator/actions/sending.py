"""The one call that matters: an app sends a direct message for an account."""

from dataclasses import dataclass
from typing import NamedTuple

import orjson

from services.douyin_simulator.actions.publishing import publish_echo
from services.douyin_simulator.actions.world import World
from services.douyin_simulator.domain import codes
from services.douyin_simulator.domain.failures import Failure, Match
from services.douyin_simulator.domain.platform import platform_day
from services.douyin_simulator.domain.sends import SendRequest, Standing, decide, parse_send
from services.douyin_simulator.domain.tokens import check_account_token
from services.douyin_simulator.store import SentMessage


@dataclass(frozen=True, slots=True)
class Call:
    """What came in at the send endpoint."""

    open_id: str
    access_token: str
    body: bytes


class Verdict(NamedTuple):
    """The platform's answer: code 0 with the new message's id, or why not.

    `failure` tells how the answer goes wrong on its way back.
    """

    code: int
    now_ms: int
    msg_id: str = ""
    failure: Failure | None = None


def send_message(world: World, call: Call) -> Verdict:
    """Decide on a send; if accepted, record it and post its echo before the answer goes out."""
    now_ms = world.now_ms()
    body = _parse(call.body)
    failure = world.failure_for_send(_subject(call, body)) if world.store.state.failures else None
    if failure is not None and not failure.accepted:
        world.count_failure(failure)
        return Verdict(codes.OK, now_ms, failure=failure)
    verdict = _judge(world, call, body, now_ms)
    if verdict.code:
        world.tally.refused[verdict.code] += 1
        return verdict
    if failure is None:
        return verdict
    world.count_failure(failure)
    return verdict._replace(failure=failure)


def _judge(world: World, call: Call, body: object, now_ms: int) -> Verdict:
    state = world.store.state
    token = state.tokens.get(call.access_token)
    refused = check_account_token(token, call.open_id, now_ms)
    if refused or token is None:
        return Verdict(
            codes.old_family(refused) if world.manners.old_error_family else refused, now_ms
        )
    request = parse_send(body, world.caps)
    if isinstance(request, int):
        return Verdict(request, now_ms)
    context = state.contexts.get((call.open_id, request.msg_id))
    day = platform_day(now_ms)
    standing = Standing(
        follows=state.follows.get((call.open_id, request.to_user_id), False),
        greetings_today=state.greetings.get((call.open_id, request.to_user_id, day), 0),
        calls_today=state.calls.get((token.client_key, day), 0),
    )
    code = decide(request, context, standing, world.caps, now_ms)
    if code:
        return Verdict(code, now_ms)
    return _accept(world, call.open_id, token.client_key, request, now_ms)


def _accept(
    world: World, open_id: str, client_key: str, request: SendRequest, now_ms: int
) -> Verdict:
    message = SentMessage(
        seq=len(world.store.state.sent) + 1,
        accepted_at_ms=now_ms,
        client_key=client_key,
        open_id=open_id,
        to_user_id=request.to_user_id,
        conversation_id=request.conversation_id,
        scene=request.scene,
        reply_to_msg_id=request.msg_id,
        msg_id=world.fresh_id("sent", client_key),
        content=request.content,
    )
    try:
        world.store.add_sent(message)
    except orjson.JSONEncodeError:  # nested deeper than anything that a message may hold
        return Verdict(codes.ILLEGAL_PARAMETER, now_ms)
    publish_echo(world, message)
    return Verdict(codes.OK, now_ms, message.msg_id)


def _parse(body: bytes) -> object:
    try:
        parsed: object = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return parsed


def _subject(call: Call, body: object) -> Match:
    if not isinstance(body, dict):
        return Match(call.open_id)
    to_user_id, conversation_id = body.get("to_user_id"), body.get("conversation_id")
    return Match(
        call.open_id,
        to_user_id if isinstance(to_user_id, str) else None,
        conversation_id if isinstance(conversation_id, str) else None,
    )
