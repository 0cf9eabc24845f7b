"""API keys of the organization."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Response
from pydantic import AfterValidator, Field

from services.open_platform.actions import api_keys as actions
from services.open_platform.actions.api_keys import NewKey
from services.open_platform.api.shapes import (
    AppSealer,
    Manager,
    PlatformCursors,
    PlatformDeps,
)
from services.open_platform.domain.api_keys import ApiKey, KeyMode, Scope
from shared.errors import NotFound, PreconditionFailed, PreconditionRequired
from shared.http.errors import errors
from shared.http.idempotency import (
    IdempotencyKeyInUse,
    IdempotencyKeyReused,
    Once,
    OptionalKey,
)
from shared.http.models import (
    FROM_TEXT,
    AskedTime,
    Id,
    RequestModel,
    ResponseModel,
    ShortText,
)
from shared.http.pages import AskedPage
from shared.http.routing import Router
from shared.http.versions import RequiredVersion

router = Router(tags=["keys"])


def _within_reach(at: datetime) -> datetime:
    if not 2000 < at.year < 3000:  # noqa: PLR2004  what every calendar and driver can carry
        raise ValueError("must be a year from 2001 to 2999")
    return at


def _each_once(scopes: list[Scope]) -> list[Scope]:
    if len(set(scopes)) < len(scopes):
        raise ValueError("must not name a scope twice")
    return scopes


class ApiKeyIn(RequestModel):
    """A new key. Its scopes must be among those of the key with which you ask."""

    name: ShortText
    scopes: Annotated[
        list[Annotated[Scope, FROM_TEXT]],
        Field(min_length=1, max_length=50),
        AfterValidator(_each_once),
    ]
    mode: Annotated[KeyMode, FROM_TEXT] = KeyMode.LIVE
    expires_at: Annotated[AskedTime, AfterValidator(_within_reach)] | None = None


class ApiKeyOut(ResponseModel):
    """What is known of a key; the key itself is shown only once, when it is made."""

    id: str
    name: str
    mode: str
    last4: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class NewApiKeyOut(ApiKeyOut):
    """A new key. Keep `api_key`: nobody can show it again."""

    api_key: str


class ApiKeyPage(ResponseModel):
    """Keys, oldest first."""

    data: list[ApiKeyOut]
    next_cursor: str | None


@router.get("/v1/api-keys", operation_id="list_api_keys", responses=errors())
async def list_api_keys(
    caller: Manager, deps: PlatformDeps, cursors: PlatformCursors, page: AskedPage
) -> ApiKeyPage:
    """The organization's keys, oldest first, also those that expired or were revoked."""
    belongs = ("api-keys", caller.organization_id)
    after = cursors.read(page.cursor, *belongs)[0] if page.cursor else ""
    found = await actions.list_api_keys(deps, caller.organization_id, after, page.limit)
    more = cursors.write([found[-1].id], *belongs) if len(found) == page.limit else None
    return ApiKeyPage(
        data=[ApiKeyOut(**_fields(key)) for key in found], next_cursor=page.then(more)
    )


@router.post(
    "/v1/api-keys",
    operation_id="create_api_key",
    status_code=201,
    responses=errors(IdempotencyKeyReused, IdempotencyKeyInUse),
)
async def create_api_key(
    body: ApiKeyIn, key: OptionalKey, caller: Manager, deps: PlatformDeps, sealer: AppSealer
) -> NewApiKeyOut:
    """A new key, shown this one time; and for 72 hours to whoever repeats the request under its key."""
    new = NewKey(body.name, tuple(body.scopes), body.mode, body.expires_at)
    once = Once(key, _shown, sealer=sealer)
    made = await actions.create_api_key(
        deps, caller.organization_id, new, granted_by=caller.scopes, once=once
    )
    return _shown(made)


@router.get("/v1/api-keys/{key_id}", operation_id="get_api_key", responses=errors(NotFound))
async def get_api_key(
    key_id: Id, caller: Manager, deps: PlatformDeps, response: Response
) -> ApiKeyOut:
    """What is known of one key."""
    found = await actions.find_api_key(deps, caller.organization_id, key_id)
    response.headers["ETag"] = actions.key_tag(found)
    return ApiKeyOut(**_fields(found))


@router.delete(
    "/v1/api-keys/{key_id}",
    operation_id="revoke_api_key",
    status_code=204,
    responses=errors(NotFound, PreconditionRequired, PreconditionFailed),
)
async def revoke_api_key(
    key_id: Id, caller: Manager, deps: PlatformDeps, expected: RequiredVersion
) -> None:
    """End a key. Every process stops taking it within 60 seconds; repeated, nothing changes.

    A key that leaked ends with `If-Match: *`, whoever changed it meanwhile.
    """
    await actions.revoke_api_key(deps, caller.organization_id, key_id, expected)


def _shown(made: tuple[ApiKey, str]) -> NewApiKeyOut:
    return NewApiKeyOut(**_fields(made[0]), api_key=made[1])


def _fields(key: ApiKey) -> dict[str, Any]:  # Any: fields of several types
    return {name: getattr(key, name) for name in ApiKeyOut.model_fields}
