"""The configuration API: Douyin apps and the binding of accounts."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Depends, Path, Request, Response
from pydantic import Field, StringConstraints

from services.douyin.actions import configuration as actions
from services.douyin.actions.configuration import AppView, BindingView, Deps, NewApp, Tokens
from services.douyin.domain.accounts import (
    AccountState,
    ClientKeyTaken,
    DemoSecret,
    OpenIdTaken,
    UnknownApp,
)
from shared.errors import NotFound, PreconditionFailed, PreconditionRequired
from shared.http.errors import errors
from shared.http.models import AskedTime, RequestModel, ResponseModel, ShortText, Text
from shared.http.principal import Principal, caller_with
from shared.http.routing import Router
from shared.http.versions import VersionToPut

router = Router(tags=["douyin"])

Manager = Annotated[Principal, caller_with("account:manage")]
ClientKey = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
AccountId = Annotated[str, Path(pattern=r"^[a-z]+_[a-z0-9]{1,60}$")]
Secret = Annotated[str, StringConstraints(min_length=8, max_length=200, pattern=r"^[\x21-\x7e]+$")]
Token = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=r"^[\x21-\x7e]+$")]


async def _deps(request: Request) -> Deps:
    deps: Deps = request.app.state.deps
    return deps


Dependencies = Annotated[Deps, Depends(_deps)]


class PutDouyinApp(RequestModel):
    """A Douyin app. While a secret is rotated both are active."""

    client_secrets: Annotated[list[Secret], Field(min_length=1, max_length=2)]
    max_event_age_hours: Annotated[int, Field(ge=1, le=8760)] | None = 72
    calls_per_second: Annotated[int, Field(ge=1, le=10_000)] | None = None


class DouyinApp(ResponseModel):
    """A Douyin app; its secrets are never shown."""

    client_key: str
    active_secrets: int
    max_event_age_hours: int | None
    calls_per_second: int | None


class PutDouyinBinding(RequestModel):
    """Which Douyin account it is, under which app, and its tokens."""

    client_key: ShortText
    open_id: ShortText
    access_token: Token | None = None
    access_token_expires_at: AskedTime | None = None
    refresh_token: Token | None = None
    refresh_token_expires_at: AskedTime | None = None


class AuthorisationNeeded(ResponseModel):
    """The owner has to authorise again: why, since when that is known, and when sending stops."""

    reason: str
    since: datetime
    usable_until: datetime


class DouyinBinding(ResponseModel):
    """A binding and its state; its tokens are never shown."""

    account_id: str
    client_key: str
    open_id: Text
    state: AccountState
    access_token_expires_at: datetime | None
    refresh_token_expires_at: datetime | None
    scopes: list[str]
    authorised_at: datetime | None
    revoked_reason: str | None
    authorisation_needed: AuthorisationNeeded | None


@router.put(
    "/v1/douyin-apps/{client_key}",
    operation_id="put_douyin_app",
    responses=errors(ClientKeyTaken, DemoSecret, PreconditionFailed, PreconditionRequired),
)
async def put_douyin_app(
    client_key: ClientKey,
    body: PutDouyinApp,
    expected: VersionToPut,
    caller: Manager,
    deps: Dependencies,
    response: Response,
) -> DouyinApp:
    """Configure a Douyin app: its webhooks are accepted under `/douyin/webhooks/{client_key}`.

    One that is configured already is replaced only with its ETag in `If-Match`.
    """
    hours = body.max_event_age_hours
    max_age = None if hours is None else timedelta(hours=hours)
    new = NewApp(list(body.client_secrets), max_age, body.calls_per_second)
    view = await actions.put_app(deps, caller.organization_id, client_key, new, expected)
    return _app(view, response)


@router.get(
    "/v1/douyin-apps/{client_key}",
    operation_id="get_douyin_app",
    responses=errors(NotFound),
)
async def get_douyin_app(
    client_key: ClientKey, caller: Manager, deps: Dependencies, response: Response
) -> DouyinApp:
    """A Douyin app, without its secrets."""
    return _app(await actions.get_app(deps, caller.organization_id, client_key), response)


@router.put(
    "/v1/accounts/{account_id}/douyin-binding",
    operation_id="put_douyin_binding",
    responses=errors(NotFound, OpenIdTaken, UnknownApp, PreconditionFailed, PreconditionRequired),
)
async def put_douyin_binding(
    account_id: AccountId,
    body: PutDouyinBinding,
    expected: VersionToPut,
    caller: Manager,
    deps: Dependencies,
    response: Response,
) -> DouyinBinding:
    """Bind an account to a Douyin account.

    What is bound already is replaced, tokens included, only with its ETag in `If-Match`.
    """
    tokens = body.access_token and Tokens(
        body.access_token,
        body.access_token_expires_at,
        body.refresh_token,
        body.refresh_token_expires_at,
    )
    identity = (body.client_key, body.open_id)
    view = await actions.put_binding(
        deps, caller.organization_id, account_id, identity, tokens or None, expected
    )
    return _binding(view, response)


@router.get(
    "/v1/accounts/{account_id}/douyin-binding",
    operation_id="get_douyin_binding",
    responses=errors(NotFound),
)
async def get_douyin_binding(
    account_id: AccountId, caller: Manager, deps: Dependencies, response: Response
) -> DouyinBinding:
    """The binding of an account and whether it can send; without tokens."""
    return _binding(await actions.get_binding(deps, caller.organization_id, account_id), response)


def _app(view: AppView, response: Response) -> DouyinApp:
    response.headers["ETag"] = view.tag
    return DouyinApp(
        client_key=view.client_key,
        active_secrets=view.active_secrets,
        max_event_age_hours=view.max_event_age_hours,
        calls_per_second=view.calls_per_second,
    )


def _binding(view: BindingView, response: Response) -> DouyinBinding:
    response.headers["ETag"] = view.tag
    needed = None
    if view.needed is not None:
        reason, since, until = view.needed.reason, view.needed.since, view.needed.usable_until
        needed = AuthorisationNeeded(reason=reason, since=since, usable_until=until)
    return DouyinBinding(
        account_id=view.account_id,
        client_key=view.client_key,
        open_id=view.open_id,
        state=view.state,
        access_token_expires_at=view.access_token_expires_at,
        refresh_token_expires_at=view.refresh_token_expires_at,
        scopes=view.scopes,
        authorised_at=view.authorised_at,
        revoked_reason=view.revoked_reason,
        authorisation_needed=needed,
    )
