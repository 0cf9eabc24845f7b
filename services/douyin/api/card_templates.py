"""Templates of mini-program cards, under an account and good for every account of its Douyin app."""

from datetime import datetime
from typing import Annotated

from fastapi import Response
from pydantic import Field

from services.douyin.actions import card_templates
from services.douyin.api.configuration import AccountId
from services.douyin.api.contents import Dependencies, Keeper, Reader
from services.douyin.api.posts import PostCursors
from services.douyin.domain.card_templates import CardTemplate, Looks
from services.douyin.domain.refusals import (
    AccountNotAuthorised,
    PlatformBusy,
    PlatformQuotaUsed,
    PlatformRefused,
)
from shared.errors import Invalid, NotFound, PreconditionFailed, PreconditionRequired
from shared.http.errors import errors
from shared.http.idempotency import ONCE, Once, OptionalKey
from shared.http.models import Id, RequestModel, ResponseModel, Text
from shared.http.pages import AskedPage
from shared.http.routing import Router
from shared.http.versions import RequiredVersion

router = Router(tags=["douyin"])

_REFUSALS = (
    NotFound,
    AccountNotAuthorised,
    PlatformRefused,
    PlatformQuotaUsed,
    PlatformBusy,
)
_PlatformId = Annotated[Text, Field(min_length=1, max_length=256)]


class CardTemplateLooks(RequestModel):
    """What a template shows, and the mini-program (`app_id`) that it leads to."""

    title: Annotated[Text, Field(min_length=1, max_length=200)]
    content: Annotated[Text, Field(min_length=1, max_length=1000)]
    image_id: _PlatformId
    app_id: _PlatformId


class CardTemplateIn(CardTemplateLooks):
    """A new template. Its type stays as it is."""

    card_type: Annotated[int, Field(ge=0, lt=2**31)]


class CardTemplateOut(ResponseModel):
    """A template; `card_template_id` is what messages name, `status` Douyin's word for its review."""

    id: str
    card_template_id: str
    card_type: int | None
    title: str
    content: str
    image_id: str
    app_id: str
    status: int | None
    reject_reasons: list[str]
    created_at: datetime | None
    updated_at: datetime | None


class CardTemplatePage(ResponseModel):
    """Templates in Douyin's order."""

    data: list[CardTemplateOut]
    next_cursor: str | None


@router.get(
    "/v1/accounts/{account_id}/card-templates",
    operation_id="list_card_templates",
    responses=errors(*_REFUSALS),
)
async def list_card_templates(
    account_id: AccountId,
    caller: Reader,
    deps: Dependencies,
    cursors: PostCursors,
    page: AskedPage,
) -> CardTemplatePage:
    """Templates of mini-program cards under the account's Douyin app, as Douyin has them now."""
    account = (caller.organization_id, account_id)
    belongs = ("card_templates", *account)
    begin = int(cursors.read(page.cursor, *belongs)[0]) if page.cursor else 0
    found = await card_templates.list_templates(deps, account, begin, page.limit)
    more = None if found.then is None else cursors.write([found.then], *belongs)
    return CardTemplatePage(
        data=[_template(one) for one in found.rows], next_cursor=page.then(more)
    )


@router.post(
    "/v1/accounts/{account_id}/card-templates",
    operation_id="create_card_template",
    status_code=201,
    responses=errors(Invalid, *_REFUSALS, *ONCE),
)
async def create_card_template(
    account_id: AccountId,
    body: CardTemplateIn,
    key: OptionalKey,
    caller: Keeper,
    deps: Dependencies,
    response: Response,
) -> CardTemplateOut:
    """Create a template; Douyin reviews it before fans see it.

    Douyin keeps the same title, content, image and mini-program once: asked again, the answer names the same template.
    """
    account, once = (caller.organization_id, account_id), Once(key, _template)
    made = await card_templates.add_template(deps, account, _looks(body), body.card_type, once)
    response.headers["Location"] = f"/v1/accounts/{account_id}/card-templates/{made.id}"
    return _tagged(made, response)


@router.get(
    "/v1/accounts/{account_id}/card-templates/{template_id}",
    operation_id="get_card_template",
    responses=errors(*_REFUSALS),
)
async def get_card_template(
    account_id: AccountId, template_id: Id, caller: Reader, deps: Dependencies, response: Response
) -> CardTemplateOut:
    """A template as Douyin has it now."""
    account = (caller.organization_id, account_id)
    return _tagged(await card_templates.find_template(deps, account, template_id), response)


@router.put(
    "/v1/accounts/{account_id}/card-templates/{template_id}",
    operation_id="change_card_template",
    responses=errors(Invalid, PreconditionRequired, PreconditionFailed, *_REFUSALS),
)
async def change_card_template(  # noqa: PLR0913, PLR0917  each one is a part of the request
    account_id: AccountId,
    template_id: Id,
    body: CardTemplateLooks,
    caller: Keeper,
    deps: Dependencies,
    response: Response,
    expected: RequiredVersion,
) -> CardTemplateOut:
    """Change a template; its review begins anew. Its ETag is that of its looks, whatever the review says."""
    account = (caller.organization_id, account_id)
    looks = _looks(body)
    changed = await card_templates.change_template(deps, account, template_id, expected, looks)
    return _tagged(changed, response)


@router.delete(
    "/v1/accounts/{account_id}/card-templates/{template_id}",
    operation_id="delete_card_template",
    status_code=204,
    responses=errors(PreconditionRequired, PreconditionFailed, *_REFUSALS),
)
async def delete_card_template(
    account_id: AccountId,
    template_id: Id,
    caller: Keeper,
    deps: Dependencies,
    expected: RequiredVersion,
) -> None:
    """Delete a template; messages that carried it stay."""
    account = (caller.organization_id, account_id)
    await card_templates.delete_template(deps, account, template_id, expected)


def _looks(body: CardTemplateLooks) -> Looks:
    return Looks(body.title, body.content, body.image_id, body.app_id)


def _tagged(found: CardTemplate, response: Response) -> CardTemplateOut:
    response.headers["ETag"] = card_templates.template_tag(found)
    return _template(found)


def _template(found: CardTemplate) -> CardTemplateOut:
    looks = found.looks
    return CardTemplateOut(
        id=found.id,
        card_template_id=found.platform_id,
        card_type=found.card_type,
        title=looks.title,
        content=looks.content,
        image_id=looks.image_id,
        app_id=looks.app_id,
        status=found.status,
        reject_reasons=found.reject_reasons,
        created_at=found.created_at,
        updated_at=found.updated_at,
    )
