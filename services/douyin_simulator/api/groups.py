"""Controls about groups, and about what accounts publish."""

from dataclasses import asdict
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from services.douyin_simulator.actions import group_life, live, videos
from services.douyin_simulator.actions.fans import known_account
from services.douyin_simulator.actions.world import World
from services.douyin_simulator.api.models.groups import (
    LiveBody,
    MemberBody,
    SpeechBody,
    VideoBody,
)
from services.douyin_simulator.api.problems import ControlError, answer_json, page, read
from services.douyin_simulator.domain.grants import Recall
from services.douyin_simulator.domain.groups import Group, GroupMessage


async def list_groups(world: World, _: Request) -> Response:
    """All groups with their members."""
    groups = world.store.state.shelves.of(Group).values()
    return answer_json({"groups": [asdict(group) for group in groups]})


async def list_messages(world: World, request: Request) -> Response:
    """What was said in groups and did not come through the API; that is in `sent`."""
    after, limit = page(request)
    shelves = world.store.state.shelves
    wanted = request.query_params.get("group_id")
    said = [one for one in shelves.of(GroupMessage).values() if wanted in (None, one.group)]
    shown = [
        {**asdict(one), "recalled": one.id in shelves.of(Recall)}
        for one in said[after : after + limit]
    ]
    return answer_json({"messages": shown, "next_after": after + len(shown)})


async def join(world: World, request: Request) -> Response:
    """A fan wants to join."""
    body = await read(MemberBody, request)
    joined = group_life.join(world, _group(world, body.group_id), body.fan)
    return answer_json(asdict(joined))


async def leave(world: World, request: Request) -> Response:
    """A fan leaves."""
    body = await read(MemberBody, request)
    if not group_life.leave(world, _group(world, body.group_id), body.fan):
        raise ControlError(422, "simulator.no_member", f"{body.fan} is no member.")
    return answer_json({"left": body.fan})


async def say(world: World, request: Request) -> Response:
    """Somebody speaks in a group."""
    body = await read(SpeechBody, request)
    group = _group(world, body.group_id)
    text = {} if body.text is None else {"text": body.text}
    fields: dict[str, Any] = {"message_type": body.message_type, **text, **body.fields}
    try:
        orjson.dumps(fields)
    except orjson.JSONEncodeError as error:
        raise ControlError(422, "simulator.body_invalid", f"#/fields: {error}.") from error
    spoken = group_life.speak(world, group, body.sender, fields)
    if spoken is None:
        raise ControlError(422, "simulator.no_member", f"{body.sender} is no member.")
    header = spoken.event.msg_id if spoken.event else None
    return answer_json({"msg_id": spoken.msg_id, "msg_id_header": header})


async def publish_video(world: World, request: Request) -> Response:
    """An account publishes a video."""
    body = await read(VideoBody, request)
    account = body.account or world.demo.account
    video = videos.publish_video(world, account, body.title, shared=body.shared)
    return answer_json(asdict(video), status=201)


async def go_live(world: World, request: Request) -> Response:
    """An account begins or ends a live broadcast."""
    body = await read(LiveBody, request)
    account = body.account or world.demo.account
    if body.action == "start":
        return answer_json(
            asdict(live.start_live(world, account, body.title, body.viewers)), status=201
        )
    ended = live.end_live(world, known_account(world, account).open_id)
    if ended is None:
        raise ControlError(422, "simulator.not_live", f"{account} is not live.")
    return answer_json(asdict(ended))


def _group(world: World, number: str) -> Group:
    group = world.store.state.shelves.of(Group).get(number)
    if group is None:
        raise ControlError(422, "simulator.unknown_group", f"There is no group {number}.")
    return group
