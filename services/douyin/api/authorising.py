"""The authorisation of an account: the link for its owner, and the page to which the owner comes back."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import wraps
from typing import Annotated

import structlog
from fastapi import Depends, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import Field, StringConstraints

from services.douyin.actions import authorising as actions
from services.douyin.actions.authorising import Deps, Invitation
from services.douyin.api import pages
from services.douyin.api.configuration import AccountId, Manager
from services.douyin.domain.accounts import OpenIdTaken, UnknownApp
from services.douyin.domain.authorisations import (
    SCOPES,
    CodeRefused,
    LinkNotValid,
    OtherDouyinAccount,
    OwnerDeclined,
)
from services.douyin.domain.refusals import PlatformBusy
from shared.errors import AppError, NotFound
from shared.http.errors import errors
from shared.http.idempotency import ONCE, Once, OptionalKey
from shared.http.models import RequestModel, ResponseModel, ShortText, Text
from shared.http.routing import Router

log = structlog.get_logger()
router = Router(tags=["douyin"])

RETURNS_TO = "/douyin/authorisation"
Scope = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.]{0,99}$")]
_HTML = {"text/html": {"schema": {"type": "string"}}}


async def _deps(request: Request) -> Deps:
    deps: Deps = request.app.state.authorising
    return deps


Dependencies = Annotated[Deps, Depends(_deps)]


class AskOwner(RequestModel):
    """Under which Douyin app the owner is to authorise, and for what."""

    client_key: ShortText
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=50)] = Field(
        default_factory=lambda: list(SCOPES)
    )


class AuthorisationLink(ResponseModel):
    """A link for the owner's browser: it works once, until it expires."""

    url: Text
    expires_at: datetime


@router.post(
    "/v1/accounts/{account_id}/douyin-authorisation-links",
    operation_id="create_douyin_authorisation_link",
    status_code=201,
    responses=errors(NotFound, UnknownApp, *ONCE),
)
async def create_douyin_authorisation_link(
    account_id: AccountId, body: AskOwner, key: OptionalKey, caller: Manager, deps: Dependencies
) -> AuthorisationLink:
    """A link with which the owner of the Douyin account authorises the app, for the first time or again."""
    account = (caller.organization_id, account_id)
    once = Once(key, _link, sealer=deps.sealer)
    return _link(await actions.invite(deps, account, body.client_key, body.scopes, once))


def _link(invited: Invitation) -> AuthorisationLink:
    return AuthorisationLink(url=invited.url, expires_at=invited.expires_at)


def _readable(handle: Callable[..., Awaitable[Response]]) -> Callable[..., Awaitable[Response]]:
    """Let a browser see a page where a program gets problem+json."""

    @wraps(handle)
    async def shown(request: Request, deps: Deps, state: str, code: str | None) -> Response:
        try:
            return await handle(request, deps, state, code)
        except AppError as error:
            if "text/html" not in request.headers.get("accept", ""):
                raise
            log.info("authorisation_page_refused", code=error.code, reason=error.detail)
            return HTMLResponse(pages.refused(error), error.status, pages.HEADERS)

    return shown


@router.get(
    RETURNS_TO,
    operation_id="complete_douyin_authorisation",
    response_class=HTMLResponse,
    responses={
        **errors(
            *(LinkNotValid, OwnerDeclined, CodeRefused),
            *(OtherDouyinAccount, OpenIdTaken, PlatformBusy),
        ),
        200: {"description": "A page for the owner", "content": _HTML},
    },
)
@_readable
async def complete_douyin_authorisation(
    request: Request,
    deps: Dependencies,
    state: Annotated[str, Query(max_length=1000)] = "",
    code: Annotated[str | None, Query(max_length=2000)] = None,
) -> Response:
    """Where Douyin sends the owner's browser. Needs no key: the signed state says whose account it is."""
    del request
    await actions.accept(deps, state, code)
    return HTMLResponse(pages.done(), headers=pages.HEADERS)
