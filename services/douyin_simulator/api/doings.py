"""Controls about what else fans and reviewers do: recall, read, grant, fill in, judge."""

from base64 import b64decode
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from services.douyin_simulator.actions import fans, grants, recalling, reviewing, uploads
from services.douyin_simulator.actions.publishing import publish
from services.douyin_simulator.actions.world import World
from services.douyin_simulator.api.models.people import (
    EventBody,
    FillBody,
    GrantBody,
    ReadBody,
    RecallBody,
    ReviewBody,
)
from services.douyin_simulator.api.people import answer_posted
from services.douyin_simulator.api.problems import ControlError, answer_json, number, read
from services.douyin_simulator.domain import events
from services.douyin_simulator.domain.cards import Review
from services.douyin_simulator.domain.identifiers import MAX_CLOCK_MS

# What stands for every picture and video of a fan.
_PICTURE: Final = b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
_VIDEO: Final = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"


async def recall(world: World, request: Request) -> Response:
    """A fan takes back a message of theirs."""
    body = await read(RecallBody, request)
    account = fans.known_account(world, body.receiver)
    fan = fans.open_id_of(world, account, body.sender)
    wrong = recalling.fan_recalls(world, account, fan, body.msg_id)
    if wrong:
        raise ControlError(422, "simulator.cannot_recall", f"{wrong}.")
    return answer_json({"recalled": body.msg_id})


async def mark_read(world: World, request: Request) -> Response:
    """A fan has read a conversation."""
    body = await read(ReadBody, request)
    account = fans.known_account(world, body.receiver)
    fan = fans.open_id_of(world, account, body.sender)
    conversation = fans.conversation_of(world, account, fan)
    content = {
        "conversation_short_id": conversation,
        "conversation_type": 1,
        "read_open_id": fan,
        "index": body.index,
    }
    parties = (account.client_key, fan, account.open_id)
    event = fans.new_event(world, events.READ, parties, content)
    publish(world, event, conversation_id=conversation)
    return answer_json({"conversation_id": conversation, "index": body.index})


async def grant(world: World, request: Request) -> Response:
    """A fan lets the account write first."""
    body = await read(GrantBody, request)
    account = fans.known_account(world, body.receiver)
    fan = fans.open_id_of(world, account, body.sender)
    made = grants.grant(world, account, fan, body.app_id, given=body.given)
    return answer_json({"fan": made.fan, "account": made.account, "given": made.given})


async def fill_card(world: World, request: Request) -> Response:
    """A fan fills in a lead card and sends it."""
    body = await read(FillBody, request)
    fields = reviewing.answered_card(world, body.receiver, body.card_id, body.values)
    if isinstance(fields, str):
        raise ControlError(422, "simulator.unknown_card", f"{fields}.")
    said = fans.Said(body.sender, body.receiver, fields=fields)
    return await answer_posted(fans.say(world, said))


async def review(world: World, request: Request) -> Response:
    """A reviewer approves or rejects a card or template."""
    body = await read(ReviewBody, request)
    verdict = Review.APPROVED if body.status == "approved" else Review.REJECTED
    if not reviewing.judge(world, body.id, verdict, body.reason):
        detail = f"There is no lead card and no template {body.id}."
        raise ControlError(404, "simulator.not_found", detail)
    return answer_json({"id": body.id, "status": int(verdict)})


async def post_event(world: World, request: Request) -> Response:
    """Post any event of the catalogue, encoded and signed as the platform does."""
    body = await read(EventBody, request)
    if body.event not in events.ALL:
        detail = f"The catalogue has no event {body.event}: {', '.join(events.ALL)}."
        raise ControlError(422, "simulator.unknown_event", detail)
    accounts = world.store.state.accounts
    account = accounts.get(body.receiver) or accounts.get(body.sender)
    if account is None:
        detail = "Neither from nor to is an account."
        raise ControlError(422, "simulator.unknown_account", detail)
    parties = (account.client_key, body.sender, body.receiver)
    event = fans.new_event(world, body.event, parties, body.content)
    posted = publish(world, event, conversation_id=None)
    return answer_json({"msg_id_header": posted.msg_id if posted else None})


async def media(world: World, request: Request) -> Response:
    """What a fan sent, at the address that the resource call gave out."""
    until_ms = number(request, "until", 0, MAX_CLOCK_MS)
    found = uploads.media_behind(world, request.path_params["key"], until_ms)
    if found is None:
        raise ControlError(403, "simulator.address_expired", "This address leads nowhere.")
    if found.media_type == "image":
        return Response(_PICTURE, media_type="image/png")
    return Response(_VIDEO, media_type="video/mp4")
