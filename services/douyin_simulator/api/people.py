"""Controls about fans and messages, and the record of what was accepted."""

from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response

from services.douyin_simulator.actions import controls, fans
from services.douyin_simulator.actions.publishing import first_try
from services.douyin_simulator.actions.world import World
from services.douyin_simulator.api.models.people import (
    FansBody,
    OneFanBody,
    RegisterBody,
    RegistrationBody,
    SayBody,
)
from services.douyin_simulator.api.problems import (
    ControlError,
    answer_json,
    page,
    parse,
    read,
    read_json,
)
from services.douyin_simulator.domain.platform import ContextKind

_REGISTER_LIMIT: Final = 10 * 1024 * 1024
_FIRST_TRY_S: Final = 10.0


async def sent(world: World, request: Request) -> Response:
    """Accepted messages in order, from the record."""
    after, limit = page(request)
    lines, next_after = controls.sent_page(world, after, limit)
    body = b'{"messages":[%s],"next_after":%d}' % (b",".join(lines), next_after)
    return Response(body, media_type="application/json")


async def say(world: World, request: Request) -> Response:
    """A fan says something or enters, or staff types in the app."""
    body = await read(SayBody, request)
    typed = body.sender in world.store.state.accounts
    if typed and (body.event, body.message_type) != ("message", "text"):
        detail = "Staff can only type text in the app."
        raise ControlError(422, "simulator.body_invalid", detail)
    said = fans.Said(body.sender, body.receiver, body.event == "enter", _content(body))
    posted = fans.type_in_app(world, said) if typed else fans.say(world, said)
    return await answer_posted(posted, wait=body.wait)


async def answer_posted(posted: fans.Posted, *, wait: bool = True) -> Response:
    """The ids of what was said, and how the first try of its event ended."""
    delivery = await _delivery(posted, wait=wait)
    return answer_json(
        {
            "msg_id": posted.msg_id,
            "conversation_id": posted.conversation_id,
            "at_ms": posted.at_ms,
            "msg_id_header": posted.event.msg_id if posted.event else None,
            "delivery": delivery,
        }
    )


async def register(world: World, request: Request) -> Response:
    """Make inbound ids known that the caller posts itself."""
    body = await read(RegisterBody, request, _REGISTER_LIMIT)
    new = fans.register(world, [_registration(world, body, one) for one in body.messages])
    return answer_json({"registered": new, "already_known": len(body.messages) - new})


async def list_fans(world: World, request: Request) -> Response:
    """Fans as one account sees them."""
    after, limit = page(request)
    account = request.query_params.get("account", world.demo.account)
    known = fans.list_fans(world, account, after, limit)
    shown = [
        {
            "open_id": one.fan.open_id,
            "nickname": one.fan.nickname,
            "avatar": one.fan.avatar,
            "follows": one.follows,
        }
        for one in known
    ]
    facts = {"fans": shown, "total": len(world.store.state.fans)}
    return answer_json({**facts, "next_after": after + len(shown)})


async def change_fans(world: World, request: Request) -> Response:
    """Create fans, rename them, let them follow or stop following."""
    raw = await read_json(request, _REGISTER_LIMIT)
    body: FansBody | OneFanBody
    if isinstance(raw, dict) and "open_id" in raw:
        body = parse(OneFanBody, raw)
        wanted = [body]
    else:
        body = parse(FansBody, raw)
        wanted = list(body.fans)  # type: ignore[arg-type]
    changes = [
        fans.FanChange(one.open_id, one.nickname, one.avatar, one.follows, one.traits)
        for one in wanted
    ]
    account = body.account or world.demo.account
    created = fans.change_fans(world, account, changes, notify=body.notify)
    return answer_json({"created": created, "total": len(world.store.state.fans)})


def _content(body: SayBody) -> dict[str, Any]:
    try:
        orjson.dumps(body.fields)
    except orjson.JSONEncodeError as error:
        raise ControlError(422, "simulator.body_invalid", f"#/fields: {error}.") from error
    if body.event == "enter":
        return body.fields
    text = {} if body.text is None else {"text": body.text}
    return {"message_type": body.message_type, **text, **body.fields}


async def _delivery(posted: fans.Posted, *, wait: bool) -> dict[str, Any]:
    if posted.event is None:
        return {"delivered": False, "attempts": 0, "status": 0, "problem": "event switched off"}
    if posted.event.dropped:
        return {"delivered": False, "attempts": 0, "status": 0, "problem": "dropped on order"}
    attempt = await first_try(posted.event, _FIRST_TRY_S) if wait else None
    if attempt is None:
        return {"delivered": False, "attempts": 0, "status": 0, "problem": "not known yet"}
    return {
        "delivered": attempt.outcome == "delivered",
        "attempts": attempt.attempt,
        "status": attempt.status,
        "problem": attempt.problem,
    }


def _registration(world: World, body: RegisterBody, one: RegistrationBody) -> fans.Registration:
    account = one.receiver or body.receiver or world.demo.account
    kind = ContextKind(one.kind or body.kind)
    late = body.window == "first_use"
    return fans.Registration(one.msg_id, one.conversation_id, one.sender, account, kind, late)
