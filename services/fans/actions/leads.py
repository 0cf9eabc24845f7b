"""Leads: what fans leave becomes one lead a person, which moves on until it ends."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import orjson
import structlog

from services.fans import store
from services.fans.actions.deps import Deps
from services.fans.actions.history import Behind, Line, keep
from services.fans.domain.leads import (
    UNTOUCHED,
    Attribution,
    Lead,
    Stage,
    assigned,
    is_same,
    merged,
    moved,
    touched,
)
from services.fans.store import LeadEvent, LeadFilter
from shared import ids, inbox
from shared.contracts.envelope import Envelope
from shared.contracts.events.direct_messages import LeadCaptured
from shared.db import ALL_TENANTS, Tx
from shared.errors import NotFound
from shared.http.versions import Precondition, etag

log = structlog.get_logger()

_DEDUPE_DAYS = 90  # until the account's policy was heard
_CLOCK = "clock"


@dataclass(frozen=True, slots=True)
class _Left:
    """A contact that a fan left, read."""

    envelope: Envelope
    event: LeadCaptured
    contact: dict[str, Any]
    phone_key: bytes | None

    @property
    def names(self) -> tuple[str, ...]:
        """What nobody else may work on meanwhile: this fan, and this number."""
        tenant, account = self.envelope.organization_id, self.envelope.account_id
        fan = f"{tenant}|{account}|{self.event.open_id}"
        return (fan, f"{tenant}|{self.phone_key.hex()}") if self.phone_key else (fan,)

    @property
    def attribution(self) -> Attribution | None:
        """By what the fan came; None: told by a release that did not know."""
        told = self.event.attribution
        return Attribution(**told.model_dump()) if told else None

    @property
    def told(self) -> Behind:
        """What its line in the history says of it."""
        event = self.event
        return Behind(
            self.envelope.origin,
            event.open_id,
            event.message_id,
            event.source,
            event.consent_version,
            self.attribution,
        )


async def capture(deps: Deps, envelopes: Sequence[Envelope]) -> None:
    """Fans left contacts: each is a new lead, or one more touch of the lead that it belongs to."""
    left = [_read(deps, e) for e in envelopes]
    async with deps.database.transaction(ALL_TENANTS) as tx:
        fresh = await inbox.take(tx, envelopes)
        new = sorted((one for one in left if one.envelope.id in fresh), key=_order)
        await store.guard(tx, (name for one in new for name in one.names))
        for one in new:
            await _take_in(deps, tx, one)


async def move(
    deps: Deps,
    place: tuple[str, str],
    stage: Stage,
    reason: str | None,
    based_on: Precondition,
    actor: str,
) -> Lead:
    """The lead (organization, id) at another stage.

    Raises NotFound, PreconditionFailed, Invalid, StageRefused.
    """
    async with deps.database.transaction(place[0]) as tx:
        before = await _locked(tx, place, based_on)
        after = moved(before, stage, reason, tx.now)
        await keep(tx, before, after, Line("stage", actor))
    return after


async def assign(
    deps: Deps, place: tuple[str, str], assignee: str | None, based_on: Precondition, actor: str
) -> Lead:
    """Somebody takes care of the lead (organization, id) from now on; None: it is in the pool.

    Raises NotFound, PreconditionFailed, StageRefused.
    """
    async with deps.database.transaction(place[0]) as tx:
        before = await _locked(tx, place, based_on)
        after = assigned(before, assignee, tx.now)
        await keep(tx, before, after, Line("assignee", actor))
    return after


async def return_forgotten(deps: Deps) -> None:
    """Leads whose assignee did nothing for a day go back to the pool."""
    async with deps.database.transaction(ALL_TENANTS) as tx:
        for before in await store.forgotten(tx, tx.now - UNTOUCHED):
            after = assigned(before, None, tx.now)
            await keep(tx, before, after, Line("assignee", _CLOCK))


async def get_lead(deps: Deps, organization_id: str, lead_id: str) -> Lead:
    """The lead. Raises NotFound."""
    async with deps.database.transaction(organization_id) as tx:
        found = await store.find_lead(tx, organization_id, lead_id)
    if found is None:
        raise NotFound("no such lead")
    return found


async def list_leads(
    deps: Deps, organization_id: str, wanted: LeadFilter, before: str, most: int
) -> list[Lead]:
    """Leads of the organization, newest first."""
    async with deps.database.transaction(organization_id) as tx:
        return await store.list_leads(tx, organization_id, wanted, before, most)


async def list_history(
    deps: Deps, organization_id: str, lead_id: str, before: str, most: int
) -> list[LeadEvent]:
    """What happened to the lead, newest first. Raises NotFound."""
    async with deps.database.transaction(organization_id) as tx:
        if await store.find_lead(tx, organization_id, lead_id) is None:
            raise NotFound("no such lead")
        return await store.list_events(tx, organization_id, lead_id, before, most)


def contact_of(deps: Deps, lead: Lead, reader: str) -> dict[str, Any]:
    """The contact in the clear; who read it is noted."""
    log.info("lead_contact_read", lead=lead.id, organization=lead.organization_id, reader=reader)
    return _opened(deps, lead)


def _read(deps: Deps, envelope: Envelope) -> _Left:
    event = LeadCaptured.model_validate(envelope.data)
    contact = orjson.loads(deps.sealer.open(envelope.organization_id, event.contact))
    phone = contact.get("phone")
    named = f"{envelope.organization_id}|{phone}".encode()
    key = hmac.digest(deps.phone_key, named, "sha256") if phone else None
    return _Left(envelope, event, contact, key)


def _order(left: _Left) -> tuple[Any, str]:
    return left.event.captured_at, left.envelope.id


async def _take_in(deps: Deps, tx: Tx, left: _Left) -> None:
    organization_id, account_id = left.envelope.organization_id, left.envelope.account_id
    days = await store.dedupe_days(tx, organization_id, account_id) or _DEDUPE_DAYS
    known = None
    if left.phone_key:
        known = await store.newest_of_phone(tx, organization_id, left.phone_key)
    if known is None:
        known = await store.newest_of_fan(tx, organization_id, account_id, left.event.open_id)
    at, within = left.event.captured_at, timedelta(days=days)
    is_known = known is not None and is_same(known, phone_key=left.phone_key, at=at, within=within)
    if known and is_known and not known.stage.is_end:
        before: Lead | None = known
        after = touched(known, phone_key=left.phone_key, at=at)
        contact = merged(_opened(deps, known), left.contact)
    else:
        before, contact = None, left.contact
        after = _begun(left, known.id if known and is_known else None, tx)
    after = replace(
        after,
        contact=deps.sealer.seal_secret(_owner(after), orjson.dumps(contact).decode()),
        masked_phone=_masked(contact),
        city=contact.get("city"),
    )
    change = "touched" if before else "created"
    await keep(tx, before, after, Line(change, left.event.open_id, left.told))


def _begun(left: _Left, reopens: str | None, tx: Tx) -> Lead:
    event = left.event
    return Lead(
        organization_id=left.envelope.organization_id,
        id=ids.new("lead"),
        account_id=left.envelope.account_id,
        open_id=event.open_id,
        phone_key=left.phone_key,
        contact="",
        masked_phone=None,
        city=None,
        stage=Stage.NEW,
        reached=Stage.NEW,
        reason=None,
        assignee=None,
        source=event.source,
        consent_version=event.consent_version,
        touches=1,
        reopens=reopens,
        captured_at=event.captured_at,
        touched_at=event.captured_at,
        moved_at=tx.now,
        version=1,
        attribution=left.attribution,
    )


async def _locked(tx: Tx, place: tuple[str, str], based_on: Precondition) -> Lead:
    found = await store.lock_lead(tx, *place)
    if found is None:
        raise NotFound("no such lead")
    based_on.check(etag(found.version))
    return found


def _owner(lead: Lead) -> str:
    return f"{lead.organization_id}|fans.lead|{lead.id}"


def _opened(deps: Deps, lead: Lead) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(deps.sealer.open(_owner(lead), lead.contact))
    return found


def _masked(contact: dict[str, Any]) -> str | None:
    """A number as everybody may see it; of one that came masked, as it came."""
    phone = str(contact.get("phone") or "").removeprefix("+86")
    return f"{phone[:3]}****{phone[-4:]}" if phone else contact.get("masked_phone")
