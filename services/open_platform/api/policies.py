"""The policy of an account: every number of the platform that holds for it."""

from datetime import datetime
from typing import Annotated

from fastapi import Path, Response
from pydantic import Field, StrictBool, StrictFloat, StrictInt

from services.open_platform.actions import policies as actions
from services.open_platform.api.shapes import (
    Manager,
    PlatformDeps,
)
from services.open_platform.domain.accounts import Account
from shared.errors import NotFound, PreconditionFailed, PreconditionRequired
from shared.http.errors import errors
from shared.http.models import Id, RequestModel, ResponseModel, ShortText, Text
from shared.http.routing import Router
from shared.http.versions import RequiredVersion, etag

router = Router(tags=["policy"])

_List = Annotated[list[ShortText], Field(max_length=50)]
_Object = Annotated[dict[ShortText, StrictInt | ShortText], Field(max_length=20)]
PolicyValue = StrictBool | StrictInt | StrictFloat | ShortText | _List | _Object | None
Key = Annotated[Text, Path(max_length=100)]


class OverrideIn(RequestModel):
    """The value that shall hold for this account."""

    value: PolicyValue


class PolicyValueOut(ResponseModel):
    """A value that holds: its evidence mark, and whether profile, organization or account set it."""

    key: str
    value: PolicyValue
    source: str
    origin: str
    effective_from: datetime


class PolicyOut(ResponseModel):
    """Every policy key with the value that holds now."""

    account_id: str
    profile: str
    policy_version: int
    values: list[PolicyValueOut]


@router.get(
    "/v1/accounts/{account_id}/policy", operation_id="get_policy", responses=errors(NotFound)
)
async def get_policy(
    account_id: Id, caller: Manager, deps: PlatformDeps, response: Response
) -> PolicyOut:
    """What holds for the account: its override, else its organization's, else the profile's value."""
    account, policy = await actions.get_policy(deps, caller.organization_id, account_id)
    response.headers["etag"] = etag(account.row_version)
    return _out(account, policy)


@router.put(
    "/v1/accounts/{account_id}/policy/{key}",
    operation_id="override_policy",
    responses=errors(NotFound, PreconditionFailed, PreconditionRequired),
)
async def override_policy(  # noqa: PLR0913, PLR0917  each one is a part of the request
    account_id: Id,
    key: Key,
    body: OverrideIn,
    expected: RequiredVersion,
    caller: Manager,
    deps: PlatformDeps,
    response: Response,
) -> PolicyOut:
    """Override one key for this account; it holds for new decisions as soon as it is heard."""
    account, policy = await actions.override(
        deps, caller.organization_id, account_id, (key, body.value), expected=expected
    )
    response.headers["etag"] = etag(account.row_version)
    return _out(account, policy)


@router.delete(
    "/v1/accounts/{account_id}/policy/{key}",
    operation_id="take_back_policy_override",
    status_code=204,
    responses=errors(NotFound, PreconditionFailed, PreconditionRequired),
)
async def take_back_policy_override(
    account_id: Id, key: Key, expected: RequiredVersion, caller: Manager, deps: PlatformDeps
) -> None:
    """Let the organization's or the profile's value hold again; without an override nothing happens."""
    await actions.take_back(deps, caller.organization_id, account_id, key, expected=expected)


def _out(account: Account, policy: actions.Policy) -> PolicyOut:
    return PolicyOut(
        account_id=account.id,
        profile=account.profile,
        policy_version=account.policy_version,
        values=[
            PolicyValueOut(
                key=found.key,
                value=found.value,
                source=found.source,
                origin=found.origin,
                effective_from=found.effective_from,
            )
            for found in policy.values()
        ],
    )
