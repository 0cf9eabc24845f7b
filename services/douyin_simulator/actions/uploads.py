"""Pictures that apps upload, and the files that fans sent."""

import hashlib
from typing import Final

from services.douyin_simulator.actions.calling import Answer, Call
from services.douyin_simulator.actions.world import World
from services.douyin_simulator.domain import codes
from services.douyin_simulator.domain.cards import Image
from services.douyin_simulator.domain.grants import MediaResource
from services.douyin_simulator.domain.identifiers import header_id
from services.douyin_simulator.domain.multipart import part_of
from services.douyin_simulator.domain.pictures import size_of
from services.douyin_simulator.store import kept

# How long the address of a fan's file leads somewhere.
MEDIA_LIFE_MS: Final = 3_600_000


def upload_image(world: World, call: Call) -> Answer:
    """Keep a picture for the app: its id, size and MD5; the bytes are not needed again."""
    picture = part_of(call.body, call.content_type, "image")
    if picture is None or len(picture) > world.caps.image_max_bytes:
        return codes.ILLEGAL_PARAMETER
    size = size_of(picture)
    if size is None:
        return codes.ILLEGAL_PARAMETER
    number = world.fresh_id("image", call.client_key)
    md5 = hashlib.md5(picture, usedforsecurity=False).hexdigest()
    image = Image(number, call.client_key, *size, md5, world.now_ms())
    world.store.append(kept(image))
    return {"image_id": number, "width": size[0], "height": size[1], "md5": md5}


def media_resource(world: World, call: Call) -> Answer:
    """Where a file that a fan sent can be fetched for an hour."""
    resource = world.store.state.shelves.of(MediaResource).get(call.text("message_id"))
    if (
        resource is None
        or resource.account != call.open_id
        or resource.conversation_id != call.text("conversation_id")
    ):
        return codes.MESSAGE_MISMATCH
    until = world.now_ms() + MEDIA_LIFE_MS
    key = media_key(world, resource.id, until)
    url = f"http://{call.host}/_simulator/media/{key}?until={until}"
    return {"media_type": resource.media_type, "url": url}


def media_key(world: World, message_id: str, until_ms: int) -> str:
    """The part of a file's address that cannot be guessed."""
    return header_id(world.store.state.world_id, "media", message_id, until_ms)


def media_behind(world: World, key: str, until_ms: int) -> MediaResource | None:
    """The file at an address; None if it is unknown or its time is over."""
    if until_ms < world.now_ms():
        return None
    resources = world.store.state.shelves.of(MediaResource).values()
    return next((one for one in resources if media_key(world, one.id, until_ms) == key), None)
