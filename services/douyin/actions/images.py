"""Uploads images for an app: each once, its id kept."""

import hashlib
from functools import partial

from services.douyin import store
from services.douyin.actions.asking import AskDeps, ask_as_app, usable_account
from services.douyin.domain.answers import number
from services.douyin.domain.images import MOST_BYTES, kind_of
from services.douyin.domain.questions import IMAGES
from services.douyin.domain.refusals import PlatformBusy
from services.douyin.store import ImageRow
from shared import ids
from shared.errors import Invalid


async def upload_image(
    deps: AskDeps, organization_id: str, account_id: str, image: bytes
) -> ImageRow:
    """The image under the account's Douyin app; the same bytes are uploaded once an app.

    Raises Invalid, NotFound, and what `ask_as_app` raises.
    """
    kind = kind_of(image)
    if kind is None:
        raise Invalid("no PNG, JPEG, GIF, BMP or WebP image", pointer="#/data")
    if len(image) > MOST_BYTES:
        raise Invalid(f"at most {MOST_BYTES} bytes", pointer="#/data")
    account = await usable_account(deps, organization_id, account_id)
    digest = hashlib.sha256(image).hexdigest()
    async with deps.database.transaction(organization_id) as tx:
        known = await store.find_image(tx, organization_id, account.client_key, digest)
    if known is not None:
        return known
    upload = partial(deps.asking.upload, image=image, kind=kind)
    fields = await ask_as_app(deps, account.client_key, IMAGES, upload)
    image_id = fields.get("image_id")
    if not isinstance(image_id, str) or not image_id:
        raise PlatformBusy("Douyin named no image", reason="no_image_id")
    row = ImageRow(
        organization_id=organization_id,
        client_key=account.client_key,
        sha256=digest,
        id=ids.new("img"),
        image_id=image_id,
        media_type=kind,
        width=number(fields.get("width")),
        height=number(fields.get("height")),
        bytes=len(image),
    )
    async with deps.database.transaction(organization_id) as tx:
        return await store.keep_image(tx, row)
