"""Whether a message may use the pictures, cards, groups and videos that it names."""

from collections.abc import Callable
from typing import Final

from services.douyin_simulator.actions.calling import Call
from services.douyin_simulator.actions.world import World
from services.douyin_simulator.domain import codes, contents
from services.douyin_simulator.domain.cards import (
    AppletTemplate,
    Image,
    LeadCard,
    Review,
    review_of,
)
from services.douyin_simulator.domain.groups import Group
from services.douyin_simulator.domain.videos import Video


def check_references(world: World, call: Call, content: contents.Content) -> int:
    """0, or why: unknown and foreign ids are illegal, what is not approved is refused."""
    check = _CHECKS.get(content["msg_type"])
    return codes.OK if check is None else check(world, call, contents.part_of(content))


def check_image(world: World, client_key: str, media_id: str) -> int:
    """0 if the app has uploaded this picture itself."""
    image = world.store.state.shelves.of(Image).get(media_id)
    own = image is not None and image.client_key == client_key
    return codes.OK if own else codes.ILLEGAL_PARAMETER


def _check_image(world: World, call: Call, part: contents.Part) -> int:
    return check_image(world, call.client_key, part["media_id"])


def _check_video(world: World, call: Call, part: contents.Part) -> int:
    video = world.store.state.shelves.of(Video).get(part["item_id"])
    own = video is not None and video.account == call.open_id and video.public
    return codes.OK if own else codes.ILLEGAL_PARAMETER


def _check_group(world: World, call: Call, part: contents.Part) -> int:
    group = world.store.state.shelves.of(Group).get(part["group_id"])
    own = group is not None and group.account == call.open_id
    return codes.OK if own else codes.ILLEGAL_PARAMETER


def _check_card(world: World, call: Call, part: contents.Part) -> int:
    if not world.store.state.apps[call.client_key].may("im.message_card"):
        return codes.MISSING_CAPABILITY
    card = world.store.state.shelves.of(LeadCard).get(part["card_id"])
    if card is None or card.account != call.open_id:
        return codes.ILLEGAL_PARAMETER
    return _check_review(world, card)


def check_template(world: World, call: Call, part: contents.Part) -> int:
    """0, or why the app may not send this mini-program card."""
    if not world.store.state.apps[call.client_key].may("im.microapp_card"):
        return codes.MISSING_CAPABILITY
    template_id = part.get("card_template_id")
    if template_id is None:
        return codes.OK
    template = world.store.state.shelves.of(AppletTemplate).get(template_id)
    if template is None or template.client_key != call.client_key:
        return codes.ILLEGAL_PARAMETER
    return _check_review(world, template)


def _check_review(world: World, card: LeadCard | AppletTemplate) -> int:
    review = review_of(card, world.manners.card_review_s, world.now_ms())
    return codes.OK if review is Review.APPROVED else codes.CONTENT_REFUSED


_CHECKS: Final[dict[int, Callable[[World, Call, contents.Part], int]]] = {
    contents.IMAGE: _check_image,
    contents.VIDEO: _check_video,
    contents.LEAD_CARD: _check_card,
    contents.GROUP_INVITATION: _check_group,
    contents.APPLET_CARD: check_template,
}
