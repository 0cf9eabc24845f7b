"""What only our own services may ask."""

from typing import Annotated

from fastapi import Response
from pydantic import Field

from services.open_platform.actions import api_keys as actions
from services.open_platform.api.shapes import PlatformDeps
from shared.http.errors import errors
from shared.http.models import RequestModel, ResponseModel
from shared.http.principal import INTERNAL
from shared.http.routing import Router

router = Router(tags=["internal"])


class TokenRequest(RequestModel):
    """A key as somebody sent it; longer than any key is an unknown key, not an error."""

    api_key: Annotated[str, Field(max_length=100_000)]


class TokenOut(ResponseModel):
    """A token of the key's principal; null when the key is unknown, expired or revoked."""

    token: str | None


@router.post(
    "/internal/tokens",
    operation_id="exchange_api_key",
    responses=errors(),
    dependencies=[INTERNAL],
)
async def exchange_api_key(body: TokenRequest, deps: PlatformDeps, response: Response) -> TokenOut:
    """Exchange an API key for a short token."""
    response.headers["cache-control"] = "no-store"
    return TokenOut(token=await actions.exchange(deps, body.api_key))
