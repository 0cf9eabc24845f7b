"""Business tokens: wanted here, kept alive by the worker, never shown."""

from datetime import datetime
from typing import Annotated

from fastapi import Response
from pydantic import Field

from services.douyin.actions import business as actions
from services.douyin.actions.business import BusinessView
from services.douyin.api.authorising import Scope
from services.douyin.api.configuration import AccountId, Dependencies, Manager
from services.douyin.domain.accounts import BusinessState
from shared.errors import NotFound, PreconditionFailed, PreconditionRequired
from shared.http.errors import errors
from shared.http.models import RequestModel, ResponseModel
from shared.http.routing import Router
from shared.http.versions import VersionToPut

router = Router()


class WantBusinessToken(RequestModel):
    """What the business token is to grant."""

    scopes: Annotated[list[Scope], Field(min_length=1, max_length=50)]


class BusinessToken(ResponseModel):
    """How the business token stands; it is never shown."""

    account_id: str
    state: BusinessState
    scopes: list[str]
    granted_scopes: list[str]
    expires_at: datetime | None
    refused_reason: str | None
    refused_code: int | None


@router.put(
    "/v1/accounts/{account_id}/douyin-business-token",
    operation_id="put_douyin_business_token",
    responses=errors(NotFound, PreconditionRequired, PreconditionFailed),
)
async def put_douyin_business_token(
    account_id: AccountId,
    body: WantBusinessToken,
    caller: Manager,
    deps: Dependencies,
    expected: VersionToPut,
    response: Response,
) -> BusinessToken:
    """Have a business token issued for the account (a brand or staff account), and kept alive."""
    account = (caller.organization_id, account_id)
    return _tagged(await actions.want(deps.database, account, body.scopes, expected), response)


@router.get(
    "/v1/accounts/{account_id}/douyin-business-token",
    operation_id="get_douyin_business_token",
    responses=errors(NotFound),
)
async def get_douyin_business_token(
    account_id: AccountId, caller: Manager, deps: Dependencies, response: Response
) -> BusinessToken:
    """How the account's business token stands."""
    view = await actions.show(deps.database, caller.organization_id, account_id)
    return _tagged(view, response)


def _tagged(view: BusinessView, response: Response) -> BusinessToken:
    response.headers["ETag"] = actions.business_tag(view)
    return BusinessToken(
        account_id=view.account_id,
        state=view.state,
        scopes=view.scopes,
        granted_scopes=view.granted_scopes,
        expires_at=view.expires_at,
        refused_reason=view.refused_reason,
        refused_code=view.refused_code,
    )
