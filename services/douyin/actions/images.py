"""Uploads images for an app: each once, its id kept."""

import hashlib
from functools import partial

from services.douyin import store
from services.douyin.actions.asking import AskDeps, ask_as_app, usable_account
from services.douyin.actions.directory import Account
from services.douyin.domain.answers import number
from services.douyin.domain.images import MOST_BYTES, kind_of
from services.douyin.domain.questions import IMAGES
from services.douyin.domain.refusals import PlatformBusy
from services.douyin.store import ImageRow
from shared import ids
from shared.errors import Invalid
from shared.http.idempotency import EACH_TIME, Once

__all__ = ["ImageRow", "upload_image"]


async def upload_image(
    deps: AskDeps,
    organization_id: str,
    account_id: str,
    image: bytes,
    once: Once[ImageRow] = EACH_TIME,
) -> ImageRow:
    """The image under the account's Douyin app; the same bytes are uploaded once an app.

    After a lost answer they are uploaded again: an image that nothing names is seen by nobody.

    Raises Invalid, NotFound, Replayed, and what `ask_as_app` raises.
    """
    kind = kind_of(image)
    if kind is None:
        raise Invalid("no PNG, JPEG, GIF, BMP or WebP image", pointer="#/data")
    if len(image) > MOST_BYTES:
        raise Invalid(f"at most {MOST_BYTES} bytes", pointer="#/data")
    async with once.held(deps.database, organization_id):
        account = await usable_account(deps, organization_id, account_id)
        async with deps.database.transaction(organization_id) as tx:
            digest = hashlib.sha256(image).hexdigest()
            known = await store.find_image(tx, organization_id, account.client_key, digest)
            if known is not None:
                await once.keep(tx, organization_id, known)
                return known
        new = await _uploaded(deps, account, image, kind)
        async with deps.database.transaction(organization_id) as tx:
            kept = await store.keep_image(tx, new)
            await once.keep(tx, organization_id, kept)
            return kept


async def _uploaded(deps: AskDeps, account: Account, image: bytes, kind: str) -> ImageRow:
    upload = partial(deps.asking.upload, image=image, kind=kind)
    fields = await ask_as_app(deps, account.client_key, IMAGES, upload)
    image_id = fields.get("image_id")
    if not isinstance(image_id, str) or not image_id:
        raise PlatformBusy("Douyin named no image", reason="no_image_id")
    return ImageRow(
        organization_id=account.organization_id,
        client_key=account.client_key,
        sha256=hashlib.sha256(image).hexdigest(),
        id=ids.new("img"),
        image_id=image_id,
        media_type=kind,
        width=number(fields.get("width")),
        height=number(fields.get("height")),
        bytes=len(image),
    )
