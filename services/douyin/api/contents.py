"""Images, lead cards, and files of fans, each under an account."""

import base64
import binascii
from typing import Annotated, Literal

from fastapi import Depends, Query, Request, Response
from pydantic import Field

from services.douyin.actions import cards, images, media
from services.douyin.actions.asking import AskDeps
from services.douyin.actions.cards import CardRow
from services.douyin.actions.images import ImageRow
from services.douyin.api.configuration import AccountId
from services.douyin.domain.images import MOST_BYTES
from services.douyin.domain.refusals import (
    AccountNotAuthorised,
    PlatformBusy,
    PlatformQuotaUsed,
    PlatformRefused,
)
from shared.errors import Invalid, NotFound, PreconditionFailed, PreconditionRequired
from shared.http.errors import errors
from shared.http.idempotency import ONCE, Once, OptionalKey, OutcomeUnknown
from shared.http.models import Id, RequestModel, ResponseModel, Text
from shared.http.principal import Principal, caller_with
from shared.http.routing import Router
from shared.http.versions import RequiredVersion, etag

router = Router(tags=["douyin"])

LARGER = {"/images": MOST_BYTES * 4 // 3 + 64 * 1024}  # as base64, and what stands around it
_REFUSALS = (
    NotFound,
    AccountNotAuthorised,
    PlatformRefused,
    PlatformQuotaUsed,
    PlatformBusy,
)
Reader = Annotated[Principal, caller_with("dm:read")]
Sender = Annotated[Principal, caller_with("dm:send")]
Keeper = Annotated[Principal, caller_with("dm:manage")]
Component = Literal["name", "phone", "city"]
_PlatformId = Annotated[Text, Field(min_length=1, max_length=256)]


async def _deps(request: Request) -> AskDeps:
    deps: AskDeps = request.app.state.asking
    return deps


Dependencies = Annotated[AskDeps, Depends(_deps)]


class ImageIn(RequestModel):
    """An image as base64: PNG, JPEG, GIF, BMP or WebP of at most 10 MB."""

    data: Annotated[str, Field(min_length=1, json_schema_extra={"contentEncoding": "base64"})]


class Image(ResponseModel):
    """An image under the account's Douyin app; `image_id` is what messages and cards name."""

    id: str
    image_id: str
    media_type: str
    width: int | None
    height: int | None
    bytes: int


class CardIn(RequestModel):
    """A card in which a fan leaves what `components` name."""

    title: Annotated[Text, Field(min_length=1, max_length=100)]
    image_id: _PlatformId
    components: Annotated[list[Component], Field(min_length=1, max_length=3)]


class Card(ResponseModel):
    """A lead card; `card_id` is what messages name, `status` the platform's word for its review."""

    id: str
    card_id: str
    title: str
    image_id: str
    components: list[str]
    status: int | None


class CardList(ResponseModel):
    """All cards of the account."""

    data: list[Card]


class MediaOut(ResponseModel):
    """Where a fan's file can be fetched for a short time. The address is a secret."""

    kind: Literal["image", "video", "other"]
    url: str


@router.post(
    "/v1/accounts/{account_id}/images",
    operation_id="upload_image",
    status_code=201,
    responses=errors(Invalid, *_REFUSALS, *ONCE),
)
async def upload_image(
    account_id: AccountId, body: ImageIn, key: OptionalKey, caller: Sender, deps: Dependencies
) -> Image:
    """Upload an image, for messages and cards of every account under the same Douyin app.

    The same image is uploaded once; asked again, the answer is the same.
    """
    try:
        image = base64.b64decode(body.data, validate=True)
    except (binascii.Error, ValueError):
        raise Invalid("must be base64", pointer="#/data") from None
    once = Once(key, _image)
    return _image(await images.upload_image(deps, caller.organization_id, account_id, image, once))


@router.get(
    "/v1/accounts/{account_id}/cards",
    operation_id="list_lead_cards",
    responses=errors(*_REFUSALS),
)
async def list_lead_cards(account_id: AccountId, caller: Reader, deps: Dependencies) -> CardList:
    """Lead cards of the account, as Douyin has them now."""
    found = await cards.list_cards(deps, caller.organization_id, account_id)
    return CardList(data=[_card(row) for row in found])


@router.post(
    "/v1/accounts/{account_id}/cards",
    operation_id="create_lead_card",
    status_code=201,
    responses=errors(Invalid, *_REFUSALS, *ONCE, OutcomeUnknown),
)
async def create_lead_card(
    account_id: AccountId,
    body: CardIn,
    key: OptionalKey,
    caller: Keeper,
    deps: Dependencies,
    response: Response,
) -> Card:
    """Create a lead card; Douyin reviews it before fans see it.

    Where Douyin gives no clear answer, `outcome_unknown` says so: list the cards before you create it anew.
    """
    account = (caller.organization_id, account_id)
    row = await cards.add_card(deps, account, _draft(body), Once(key, _card))
    response.headers["Location"] = f"/v1/accounts/{account_id}/cards/{row.id}"
    return _tagged(row, response)


@router.get(
    "/v1/accounts/{account_id}/cards/{card_id}",
    operation_id="get_lead_card",
    responses=errors(NotFound),
)
async def get_lead_card(
    account_id: AccountId, card_id: Id, caller: Reader, deps: Dependencies, response: Response
) -> Card:
    """A lead card as it was when it was listed or changed last."""
    row = await cards.find_card(deps, caller.organization_id, account_id, card_id)
    return _tagged(row, response)


@router.put(
    "/v1/accounts/{account_id}/cards/{card_id}",
    operation_id="change_lead_card",
    responses=errors(Invalid, PreconditionRequired, PreconditionFailed, *_REFUSALS),
)
async def change_lead_card(  # noqa: PLR0913, PLR0917  each one is a part of the request
    account_id: AccountId,
    card_id: Id,
    body: CardIn,
    caller: Keeper,
    deps: Dependencies,
    response: Response,
    expected: RequiredVersion,
) -> Card:
    """Change a lead card; its review begins anew."""
    account = (caller.organization_id, account_id)
    row = await cards.change_card(deps, account, card_id, expected, _draft(body))
    return _tagged(row, response)


@router.delete(
    "/v1/accounts/{account_id}/cards/{card_id}",
    operation_id="delete_lead_card",
    status_code=204,
    responses=errors(PreconditionRequired, PreconditionFailed, *_REFUSALS),
)
async def delete_lead_card(
    account_id: AccountId,
    card_id: Id,
    caller: Keeper,
    deps: Dependencies,
    expected: RequiredVersion,
) -> None:
    """Delete a lead card; messages that carried it stay."""
    account = (caller.organization_id, account_id)
    await cards.delete_card(deps, account, card_id, expected)


@router.get(
    "/v1/accounts/{account_id}/media",
    operation_id="find_media",
    responses=errors(*_REFUSALS),
)
async def find_media(
    account_id: AccountId,
    message_id: Annotated[_PlatformId, Query(description="the platform's id of a fan's message")],
    caller: Reader,
    deps: Dependencies,
    response: Response,
) -> MediaOut:
    """Where the image or video that a fan sent can be fetched now. Asked each time, kept nowhere."""
    found = await media.find_media(deps, caller.organization_id, account_id, message_id)
    response.headers["Cache-Control"] = "no-store"
    return MediaOut.model_validate({"kind": found.kind, "url": found.url})


def _image(row: ImageRow) -> Image:
    return Image(
        id=row.id,
        image_id=row.image_id,
        media_type=row.media_type,
        width=row.width,
        height=row.height,
        bytes=row.bytes,
    )


def _draft(body: CardIn) -> cards.Draft:
    if len(set(body.components)) != len(body.components):
        raise Invalid("each component once", pointer="#/components")
    return cards.Draft(body.title, body.image_id, tuple(body.components))


def _tagged(row: CardRow, response: Response) -> Card:
    response.headers["ETag"] = etag(row.version)
    return _card(row)


def _card(row: CardRow) -> Card:
    return Card(
        id=row.id,
        card_id=row.card_id,
        title=row.title,
        image_id=row.image_id,
        components=row.components,
        status=row.status,
    )
