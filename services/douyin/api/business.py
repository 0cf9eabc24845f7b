"""Business tokens: wanted here, kept alive by the worker, never shown."""

from typing import Annotated

from pydantic import AwareDatetime, Field

from services.douyin.actions import business as actions
from services.douyin.actions.business import BusinessView
from services.douyin.api.authorising import Scope
from services.douyin.api.configuration import AccountId, Dependencies, Manager
from services.douyin.domain.accounts import BusinessState
from shared.errors import NotFound
from shared.http.errors import errors
from shared.http.models import RequestModel, ResponseModel
from shared.http.routing import Router

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
    expires_at: AwareDatetime | None
    refused_reason: str | None
    refused_code: int | None


@router.put(
    "/v1/accounts/{account_id}/douyin-business-token",
    operation_id="put_douyin_business_token",
    responses=errors(NotFound),
)
async def put_douyin_business_token(
    account_id: AccountId, body: WantBusinessToken, caller: Manager, deps: Dependencies
) -> BusinessToken:
    """Have a business token issued for the account (a brand or staff account), and kept alive."""
    view = await actions.want(deps.database, caller.organization_id, account_id, body.scopes)
    return _token(view)


@router.get(
    "/v1/accounts/{account_id}/douyin-business-token",
    operation_id="get_douyin_business_token",
    responses=errors(NotFound),
)
async def get_douyin_business_token(
    account_id: AccountId, caller: Manager, deps: Dependencies
) -> BusinessToken:
    """How the account's business token stands."""
    return _token(await actions.show(deps.database, caller.organization_id, account_id))


def _token(view: BusinessView) -> BusinessToken:
    return BusinessToken(
        account_id=view.account_id,
        state=view.state,
        scopes=view.scopes,
        granted_scopes=view.granted_scopes,
        expires_at=view.expires_at,
        refused_reason=view.refused_reason,
        refused_code=view.refused_code,
    )
