"""Which accounts may send, and whose owner must be asked again: over the whole matrix."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Query

from services.open_platform.actions import authorisations as actions
from services.open_platform.api.shapes import Manager, PlatformCursors, PlatformDeps
from shared.http.errors import errors
from shared.http.models import ResponseModel
from shared.http.pages import AskedPage
from shared.http.routing import Router

router = Router(tags=["accounts"])

State = Literal["authorised", "needed"]


class AuthorisationOut(ResponseModel):
    """Whether an account's owner lets it send; `needed`: only the owner can help, and why."""

    account_id: str
    state: State
    reason: str | None
    usable_until: datetime | None
    changed_at: datetime


class AuthorisationPage(ResponseModel):
    """Authorisations, in the order of accounts."""

    data: list[AuthorisationOut]
    next_cursor: str | None


@router.get("/v1/authorisations", operation_id="list_authorisations", responses=errors())
async def list_authorisations(
    caller: Manager,
    deps: PlatformDeps,
    cursors: PlatformCursors,
    page: AskedPage,
    state: Annotated[State | None, Query()] = None,
) -> AuthorisationPage:
    """Every account that was bound to a Douyin account once; ask for `state=needed` to see what is to do."""
    belongs = ("authorisations", caller.organization_id, state or "")
    after = cursors.read(page.cursor, *belongs)[0] if page.cursor else ""
    found = await actions.list_authorisations(
        deps, caller.organization_id, state, after, page.limit
    )
    more = cursors.write([found[-1].account_id], *belongs) if len(found) == page.limit else None
    data = [
        AuthorisationOut(
            account_id=one.account_id,
            state="needed" if one.state == "needed" else "authorised",
            reason=one.reason,
            usable_until=one.usable_until,
            changed_at=one.changed_at,
        )
        for one in found
    ]
    return AuthorisationPage(data=data, next_cursor=page.then(more))
