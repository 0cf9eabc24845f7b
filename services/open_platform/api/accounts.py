"""The organization and its accounts."""

from datetime import datetime
from typing import Annotated, Literal
from zoneinfo import available_timezones

from fastapi import Response
from pydantic import AfterValidator, Field

from services.open_platform.actions import accounts as actions
from services.open_platform.actions.accounts import AccountChange, NewAccount
from services.open_platform.api.shapes import (
    Manager,
    PlatformCursors,
    PlatformDeps,
)
from services.open_platform.domain.accounts import Account
from shared.errors import NotFound, PreconditionFailed, PreconditionRequired
from shared.http.errors import errors
from shared.http.idempotency import (
    IdempotencyKeyInUse,
    IdempotencyKeyReused,
    Once,
    OptionalKey,
)
from shared.http.models import Id, RequestModel, ResponseModel, ShortText, Text
from shared.http.pages import AskedPage
from shared.http.routing import Router
from shared.http.versions import RequiredVersion, etag

router = Router(tags=["accounts"])


def _known_timezone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("must be a time zone of the IANA database")
    return name


Timezone = Annotated[str, Field(max_length=64), AfterValidator(_known_timezone)]
Profile = Literal["seed_2021", "openapi_2025"]
Label = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Settings = Annotated[dict[Label, Annotated[Text, Field(max_length=200)]], Field(max_length=20)]


class OrganizationOut(ResponseModel):
    """The company that the caller's key belongs to."""

    id: str
    name: str
    created_at: datetime


class AccountIn(RequestModel):
    """A new account."""

    name: ShortText
    timezone: Timezone = "Asia/Shanghai"
    profile: Profile = "seed_2021"
    settings: Settings = Field(default_factory=dict)


class AccountPatch(RequestModel):
    """What is to be different; what is absent or null stays."""

    name: ShortText | None = None
    timezone: Timezone | None = None
    profile: Profile | None = None
    settings: Settings | None = None


class AccountOut(ResponseModel):
    """An enterprise account."""

    id: str
    organization_id: str
    name: str
    timezone: str
    profile: str
    settings: dict[str, str]
    policy_version: int
    created_at: datetime
    updated_at: datetime


class AccountPage(ResponseModel):
    """Accounts, oldest first."""

    data: list[AccountOut]
    next_cursor: str | None


@router.get("/v1/organization", operation_id="get_organization", responses=errors(NotFound))
async def get_organization(caller: Manager, deps: PlatformDeps) -> OrganizationOut:
    """The organization of the key with which you ask."""
    found = await actions.get_organization(deps, caller.organization_id)
    return OrganizationOut(id=found.id, name=found.name, created_at=found.created_at)


@router.get("/v1/accounts", operation_id="list_accounts", responses=errors())
async def list_accounts(
    caller: Manager, deps: PlatformDeps, cursors: PlatformCursors, page: AskedPage
) -> AccountPage:
    """The organization's accounts, oldest first."""
    belongs = ("accounts", caller.organization_id)
    after = cursors.read(page.cursor, *belongs)[0] if page.cursor else ""
    found = await actions.list_accounts(deps, caller.organization_id, after, page.limit)
    more = cursors.write([found[-1].id], *belongs) if len(found) == page.limit else None
    return AccountPage(data=[_out(account) for account in found], next_cursor=page.then(more))


@router.post(
    "/v1/accounts",
    operation_id="create_account",
    status_code=201,
    responses=errors(NotFound, IdempotencyKeyReused, IdempotencyKeyInUse),
)
async def create_account(
    body: AccountIn, key: OptionalKey, caller: Manager, deps: PlatformDeps, response: Response
) -> AccountOut:
    """A new account. Its policy starts as that of the profile."""
    new = NewAccount(body.name, body.timezone, body.profile, body.settings)
    once = Once(key, _out)
    made = await actions.create_account(deps, caller.organization_id, new, once=once)
    response.headers["location"] = f"/v1/accounts/{made.id}"
    response.headers["etag"] = etag(made.row_version)
    return _out(made)


@router.get(
    "/v1/accounts/{account_id}",
    operation_id="get_account",
    responses=errors(NotFound),
)
async def get_account(
    account_id: Id, caller: Manager, deps: PlatformDeps, response: Response
) -> AccountOut:
    """One account, with the ETag that a change needs."""
    found = await actions.get_account(deps, caller.organization_id, account_id)
    response.headers["etag"] = etag(found.row_version)
    return _out(found)


@router.patch(
    "/v1/accounts/{account_id}",
    operation_id="change_account",
    responses=errors(NotFound, PreconditionFailed, PreconditionRequired),
)
async def change_account(
    account_id: Id,
    body: AccountPatch,
    expected: RequiredVersion,
    caller: Manager,
    deps: PlatformDeps,
    response: Response,
) -> AccountOut:
    """Change name, time zone, profile or settings; a new profile is a new policy."""
    change = AccountChange(body.name, body.timezone, body.profile, body.settings)
    changed = await actions.change_account(
        deps, caller.organization_id, account_id, change, expected=expected
    )
    response.headers["etag"] = etag(changed.row_version)
    return _out(changed)


def _out(account: Account) -> AccountOut:
    return AccountOut(
        id=account.id,
        organization_id=account.organization_id,
        name=account.name,
        timezone=account.timezone,
        profile=account.profile,
        settings=dict(account.settings),
        policy_version=account.policy_version,
        created_at=account.created_at,
        updated_at=account.updated_at,
    )
