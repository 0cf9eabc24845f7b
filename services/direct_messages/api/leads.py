"""The consent text under which fans leave a contact."""

from datetime import datetime
from typing import Annotated

from fastapi import Path, Response
from pydantic import Field

from services.direct_messages import actions
from services.direct_messages.actions import Consent
from services.direct_messages.api.callers import Keeper, MessageDeps, Reader
from shared.errors import NotFound, PreconditionFailed, PreconditionRequired
from shared.http.errors import errors
from shared.http.models import Id, RequestModel, ResponseModel, Text
from shared.http.routing import Router
from shared.http.versions import VersionToPut, etag

router = Router(tags=["leads"])
_PLACE = "/v1/accounts/{account_id}/lead-consent"


class ConsentIn(RequestModel):
    """What a fan agrees to: who uses the contact, and for what."""

    text: Annotated[Text, Field(min_length=1, max_length=2_000)]


class ConsentOut(ResponseModel):
    """A version of the text; leads name the version that held when they were captured."""

    version: int
    text: str
    created_at: datetime


@router.get(_PLACE, operation_id="get_lead_consent", responses=errors(NotFound))
async def get_lead_consent(
    account_id: Id, caller: Reader, deps: MessageDeps, response: Response
) -> ConsentOut:
    """The consent text that holds now."""
    account = (caller.organization_id, account_id)
    return _tagged(await actions.find_consent(deps, account, None), response)


@router.put(
    _PLACE,
    operation_id="put_lead_consent",
    responses=errors(NotFound, PreconditionFailed, PreconditionRequired),
)
async def put_lead_consent(
    account_id: Id,
    body: ConsentIn,
    caller: Keeper,
    deps: MessageDeps,
    based_on: VersionToPut,
    response: Response,
) -> ConsentOut:
    """A new consent text, as the next version; the same text makes none."""
    account = (caller.organization_id, account_id)
    return _tagged(await actions.put_consent(deps, account, body.text, based_on), response)


@router.get(
    f"{_PLACE}/{{version}}", operation_id="get_lead_consent_version", responses=errors(NotFound)
)
async def get_lead_consent_version(
    account_id: Id,
    version: Annotated[int, Path(ge=1, le=2**31 - 1)],
    caller: Reader,
    deps: MessageDeps,
    response: Response,
) -> ConsentOut:
    """The text as it was: the proof of what a fan agreed to."""
    account = (caller.organization_id, account_id)
    return _tagged(await actions.find_consent(deps, account, version), response)


def _tagged(found: Consent, response: Response) -> ConsentOut:
    response.headers["ETag"] = etag(found.version)
    return ConsentOut(version=found.version, text=found.text, created_at=found.created_at)
