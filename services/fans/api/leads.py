"""The leads of an organization: who wants to be contacted, and how far that has come."""

from dataclasses import asdict, astuple
from datetime import datetime
from typing import Annotated

from fastapi import Query, Response
from pydantic import Field

from services.fans import actions
from services.fans.actions import LeadEvent, LeadFilter
from services.fans.api.callers import ContactReader, FanCursors, FanDeps, LeadKeeper, Reader
from services.fans.domain.leads import Attribution, Lead, Stage, StageRefused, elsewhere
from shared.errors import BadRequest, Invalid, NotFound, PreconditionFailed, PreconditionRequired
from shared.http.errors import errors
from shared.http.models import (
    FROM_TEXT,
    Id,
    RequestModel,
    ResponseModel,
    ShortText,
    Text,
)
from shared.http.pages import AskedPage
from shared.http.routing import Router
from shared.http.versions import RequiredVersion, etag

router = Router(tags=["leads"])
_LEAD = "/v1/leads/{lead_id}"
_MADE = {"elsewhere", "attribution"}  # parts that are models themselves


class Elsewhere(ResponseModel):
    """The stage in the numbers of other systems of the platform; null: they have none for it."""

    enterprise_leads_level: int | None
    feiyu_clue_state: int | None
    local_life_stage: int | None


class Ad(ResponseModel):
    """An ad, by the ids that Douyin told of it."""

    adv_id: str | None
    ad_id: str | None
    creative_id: str | None
    promotion_id: str | None


class AttributionOut(ResponseModel):
    """By what the fan came: through an `ad`, from a `video` (`item_id`), by the `page`, or with a `message` alone.

    Of the page entries before the contact, within `lead.attribution_days`, it is the newest that names an
    ad or a video, else the newest.
    """

    source: str
    entered_at: datetime | None
    item_id: str | None
    ad: Ad | None


class LeadOut(ResponseModel):
    """A lead; its ETag is the version in quotes. The number is masked: `/contact` has all of it.

    `reopens` names the lead that ended before; `consent_version` the account's consent text that
    held when it was captured. `attribution`: by what the fan came who left the contact that began it;
    null: it was captured by a release that kept none.
    """

    id: str
    account_id: str
    open_id: str
    masked_phone: str | None
    city: str | None
    stage: Stage
    reason: str | None
    assignee: str | None
    source: str
    attribution: AttributionOut | None
    consent_version: int | None
    touches: int
    reopens: str | None
    elsewhere: Elsewhere
    captured_at: datetime
    touched_at: datetime
    moved_at: datetime
    version: int


class LeadPage(ResponseModel):
    """Leads, newest first."""

    data: list[LeadOut]
    next_cursor: str | None


class ContactOut(ResponseModel):
    """How to reach the person. A `masked_phone` alone is what the platform shows: no number to call."""

    name: str | None
    phone: str | None
    masked_phone: str | None
    wechat: str | None
    city: str | None
    more: list[tuple[str, str]]


class StageIn(RequestModel):
    """Where the lead stands now; `lost` and `invalid` need a reason."""

    stage: Annotated[Stage, FROM_TEXT]
    reason: Annotated[Text, Field(min_length=1, max_length=500)] | None = None


class AssigneeIn(RequestModel):
    """Who takes care of it, in your own words for people; null: nobody, it is in the pool."""

    assignee: ShortText | None


class LeadEventOut(ResponseModel):
    """One change: created, touched, stage, stage_refused or assignee. `actor`: a key's id, the fan, a rule, `clock`."""

    id: str
    at: datetime
    change: str
    actor: str
    stage: str
    reason: str | None
    assignee: str | None
    account_id: str
    open_id: str
    source: str | None
    message_id: str | None
    consent_version: int | None
    attribution: AttributionOut | None


class LeadHistory(ResponseModel):
    """What happened, newest first."""

    data: list[LeadEventOut]
    next_cursor: str | None


@router.get("/v1/leads", operation_id="list_leads", responses=errors(BadRequest))
async def list_leads(  # noqa: PLR0913, PLR0917  each one is a part of the request
    caller: Reader,
    deps: FanDeps,
    cursors: FanCursors,
    page: AskedPage,
    account_id: Annotated[ShortText | None, Query()] = None,
    open_id: Annotated[ShortText | None, Query()] = None,
    stage: Annotated[Stage | None, Query()] = None,
    assignee: Annotated[ShortText | None, Query()] = None,
    ad_id: Annotated[ShortText | None, Query()] = None,
    promotion_id: Annotated[ShortText | None, Query()] = None,
) -> LeadPage:
    """Leads of your organization, newest first; of an ad, by one of its ids."""
    wanted = LeadFilter(account_id, open_id, stage, assignee, ad_id, promotion_id)
    belongs = (
        "leads",
        caller.organization_id,
        *(f"{part or ''}" for part in astuple(wanted)),
    )
    before = str(cursors.read(page.cursor, *belongs)[0]) if page.cursor else ""
    found = await actions.list_leads(deps, caller.organization_id, wanted, before, page.limit)
    more = cursors.write([found[-1].id], *belongs) if len(found) == page.limit else None
    return LeadPage(data=[_out(lead) for lead in found], next_cursor=page.then(more))


@router.get(_LEAD, operation_id="get_lead", responses=errors(NotFound))
async def get_lead(lead_id: Id, caller: Reader, deps: FanDeps, response: Response) -> LeadOut:
    """One lead, its number masked."""
    return _tagged(await actions.get_lead(deps, caller.organization_id, lead_id), response)


@router.get(f"{_LEAD}/contact", operation_id="get_lead_contact", responses=errors(NotFound))
async def get_lead_contact(lead_id: Id, caller: ContactReader, deps: FanDeps) -> ContactOut:
    """How to reach the person, in the clear. Every look is logged with the key that looked."""
    lead = await actions.get_lead(deps, caller.organization_id, lead_id)
    return ContactOut.model_validate(actions.contact_of(deps, lead, caller.key_id))


@router.put(
    f"{_LEAD}/stage",
    operation_id="move_lead",
    responses=errors(*(NotFound, Invalid, StageRefused, PreconditionFailed, PreconditionRequired)),
)
async def move_lead(
    lead_id: Id,
    body: StageIn,
    caller: LeadKeeper,
    deps: FanDeps,
    based_on: RequiredVersion,
    response: Response,
) -> LeadOut:
    """Report how far the lead has come."""
    place = (caller.organization_id, lead_id)
    lead = await actions.move(deps, place, body.stage, body.reason, based_on, caller.key_id)
    return _tagged(lead, response)


@router.put(
    f"{_LEAD}/assignee",
    operation_id="assign_lead",
    responses=errors(*(NotFound, StageRefused, PreconditionFailed, PreconditionRequired)),
)
async def assign_lead(
    lead_id: Id,
    body: AssigneeIn,
    caller: LeadKeeper,
    deps: FanDeps,
    based_on: RequiredVersion,
    response: Response,
) -> LeadOut:
    """Give the lead to somebody, or back to the pool. Left alone for a day, it goes there by itself."""
    place = (caller.organization_id, lead_id)
    lead = await actions.assign(deps, place, body.assignee, based_on, caller.key_id)
    return _tagged(lead, response)


@router.get(
    f"{_LEAD}/history", operation_id="get_lead_history", responses=errors(NotFound, BadRequest)
)
async def get_lead_history(
    lead_id: Id, caller: Reader, deps: FanDeps, cursors: FanCursors, page: AskedPage
) -> LeadHistory:
    """Every touch, every move, who did it."""
    belongs = ("lead-history", caller.organization_id, lead_id)
    before = str(cursors.read(page.cursor, *belongs)[0]) if page.cursor else ""
    organization = caller.organization_id
    found = await actions.list_history(deps, organization, lead_id, before, page.limit)
    more = cursors.write([found[-1].id], *belongs) if len(found) == page.limit else None
    return LeadHistory(data=[_event_out(event) for event in found], next_cursor=page.then(more))


def _tagged(lead: Lead, response: Response) -> LeadOut:
    response.headers["ETag"] = etag(lead.version)
    return _out(lead)


def _out(lead: Lead) -> LeadOut:
    named = {n: getattr(lead, n) for n in LeadOut.model_fields if n not in _MADE}
    known = Elsewhere(**elsewhere(lead.stage))
    return LeadOut(**named, elsewhere=known, attribution=_attribution_out(lead.attribution))


def _event_out(event: LeadEvent) -> LeadEventOut:
    named = {n: getattr(event, n) for n in LeadEventOut.model_fields if n not in _MADE}
    return LeadEventOut(**named, attribution=_attribution_out(event.attribution))


def _attribution_out(told: Attribution | None) -> AttributionOut | None:
    if told is None:
        return None
    ad = Ad(**{name: told.ad_id(name) for name in Ad.model_fields}) if told.ad else None
    return AttributionOut(**{**asdict(told), "ad": ad})
