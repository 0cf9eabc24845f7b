"""The fans of an account."""

from datetime import datetime
from typing import Annotated

from fastapi import Depends, Query, Response
from pydantic import AfterValidator, Field

from services.fans import actions
from services.fans.actions import Imported, Result
from services.fans.api.callers import FanCursors, FanDeps, Manager, Reader
from services.fans.domain import Fan, Filter, Tier
from shared.errors import NotFound, PreconditionFailed, PreconditionRequired
from shared.http.errors import errors
from shared.http.idempotency import (
    IdempotencyKeyInUse,
    IdempotencyKeyReused,
    Once,
    OptionalKey,
)
from shared.http.models import FROM_TEXT, Id, RequestModel, ResponseModel, ShortText, Text
from shared.http.pages import AskedPage
from shared.http.routing import Router
from shared.http.versions import RequiredVersion

router = Router(tags=["fans"])


def _filter(
    *,
    follows: Annotated[bool | None, Query(description="only those who do, or do not")] = None,
    open_id: Annotated[Text | None, Query(max_length=200)] = None,
) -> Filter:
    return Filter(follows, open_id)


Asked = Annotated[Filter, Depends(_filter)]
_AT_ONCE = 250


class FanOut(ResponseModel):
    """A fan of one account. `follows` null: nobody has looked yet, which counts as not following.

    `tier` null: nobody has said, which counts as none.
    """

    id: str
    account_id: str
    open_id: str
    nickname: str | None
    follows: bool | None
    followed_at: datetime | None
    observed_at: datetime | None
    epoch: int
    first_seen_at: datetime
    last_seen_at: datetime
    tier: Tier | None
    tier_rule_version: str | None
    tiered_at: datetime | None


class FanPage(ResponseModel):
    """Fans, first met first."""

    data: list[FanOut]
    next_cursor: str | None


class FollowStateIn(RequestModel):
    """What somebody saw just now."""

    follows: bool


class TierIn(RequestModel):
    """Where the fan stands; `rule_version` names what you reckoned it by."""

    tier: Annotated[Tier, FROM_TEXT]
    rule_version: ShortText


class FanIn(RequestModel):
    """A fan as you know one; what is absent or null stays as it is."""

    open_id: ShortText
    nickname: ShortText | None = None
    follows: bool | None = None


def _each_once(fans: list[FanIn]) -> list[FanIn]:
    if len({fan.open_id for fan in fans}) < len(fans):
        raise ValueError("must not name an open_id twice")
    return fans


class ImportIn(RequestModel):
    """Fans to take over, each once."""

    fans: Annotated[
        list[FanIn], Field(min_length=1, max_length=_AT_ONCE), AfterValidator(_each_once)
    ]


class ImportedOut(ResponseModel):
    """What became of one fan of an import."""

    open_id: str
    id: str
    result: Result


class ImportOut(ResponseModel):
    """What became of each fan, in the order of the request."""

    results: list[ImportedOut]


@router.get("/v1/accounts/{account_id}/fans", operation_id="list_fans", responses=errors(NotFound))
async def list_fans(
    account_id: Id,
    caller: Reader,
    deps: FanDeps,
    cursors: FanCursors,
    page: AskedPage,
    only: Asked,
) -> FanPage:
    """Fans of an account, first met first."""
    belongs = ("fans", caller.organization_id, account_id, f"{only.follows}", only.open_id or "")
    after = cursors.read(page.cursor, *belongs)[0] if page.cursor else ""
    tenant = (caller.organization_id, account_id)
    found = await actions.list_fans(deps, tenant, only, after, page.limit)
    more = cursors.write([found[-1].id], *belongs) if len(found) == page.limit else None
    return FanPage(data=[_out(fan) for fan in found], next_cursor=page.then(more))


@router.post(
    "/v1/accounts/{account_id}/fans",
    operation_id="import_fans",
    responses=errors(NotFound, IdempotencyKeyReused, IdempotencyKeyInUse),
)
async def import_fans(
    account_id: Id, body: ImportIn, key: OptionalKey, caller: Manager, deps: FanDeps
) -> ImportOut:
    """Take over fans whom you know from elsewhere; repeated, nothing changes."""
    imported = [Imported(fan.open_id, fan.nickname, fan.follows) for fan in body.fans]
    tenant = (caller.organization_id, account_id)
    once = Once(key, _imported, 200)
    return _imported(await actions.import_fans(deps, tenant, imported, once=once))


@router.get("/v1/fans/{fan_id}", operation_id="get_fan", responses=errors(NotFound))
async def get_fan(fan_id: Id, caller: Reader, deps: FanDeps, response: Response) -> FanOut:
    """One fan."""
    return _tagged(await actions.get_fan(deps, caller.organization_id, fan_id), response)


@router.put(
    "/v1/fans/{fan_id}/follow-state",
    operation_id="note_follow_state",
    responses=errors(NotFound, PreconditionRequired, PreconditionFailed),
)
async def note_follow_state(
    fan_id: Id,
    body: FollowStateIn,
    caller: Manager,
    deps: FanDeps,
    expected: RequiredVersion,
    response: Response,
) -> FanOut:
    """Somebody looked, just now, whether the fan follows: quota and conversations hear of it.

    What holds whatever was known before is sent with `If-Match: *`.
    """
    key = (caller.organization_id, fan_id)
    noted = await actions.note_follow_state(deps, key, expected, follows=body.follows)
    return _tagged(noted, response)


@router.put(
    "/v1/fans/{fan_id}/tier",
    operation_id="put_fan_tier",
    responses=errors(NotFound, PreconditionRequired, PreconditionFailed),
)
async def put_fan_tier(
    fan_id: Id,
    body: TierIn,
    caller: Manager,
    deps: FanDeps,
    expected: RequiredVersion,
    response: Response,
) -> FanOut:
    """Say how close the fan is: rules that ask for tiers hear of it. Said again, nothing changes."""
    key = (caller.organization_id, fan_id)
    return _tagged(
        await actions.put_tier(deps, key, body.tier, body.rule_version, expected), response
    )


def _imported(done: list[tuple[Fan, Result]]) -> ImportOut:
    return ImportOut(
        results=[ImportedOut(open_id=f.open_id, id=f.id, result=result) for f, result in done]
    )


def _tagged(fan: Fan, response: Response) -> FanOut:
    response.headers["ETag"] = actions.fan_tag(fan)
    return _out(fan)


def _out(fan: Fan) -> FanOut:
    return FanOut(**{name: getattr(fan, name) for name in FanOut.model_fields})
