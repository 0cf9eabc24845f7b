"""A lead as it is now, a line of its history, and the news of it: kept together or not at all."""

from dataclasses import dataclass

from services.fans import store
from services.fans.domain.leads import Attribution, Lead
from services.fans.store import LeadEvent
from shared import ids
from shared.contracts.envelope import Envelope, Origin
from shared.contracts.events.fans import LeadChanged
from shared.db import Tx


@dataclass(frozen=True, slots=True)
class Behind:
    """The event that changed a lead, and the message behind it."""

    origin: Origin
    open_id: str
    message_id: str
    source: str | None = None
    consent_version: int | None = None
    attribution: Attribution | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """What happened, by whom (a key, the fan, a rule, the clock), and what told it; None: a person, or time."""

    change: str
    actor: str
    told: Behind | None = None


async def keep(tx: Tx, before: Lead | None, after: Lead, line: Line) -> None:
    """Keep the lead, its line, and tell others; nothing if nothing changed."""
    if after == before:
        return
    await store.put_lead(tx, after)
    written = _written(tx, after, line, after.reason)
    await store.add_events(tx, [written])
    news = LeadChanged(
        lead_id=after.id,
        open_id=written.open_id,
        change=line.change,
        stage=after.stage,
        reason=after.reason,
        assignee=after.assignee,
        touches=after.touches,
        reopens=after.reopens,
    )
    origin = line.told.origin if line.told else _own_origin(after)
    tx.publish(Envelope.of(news, origin, subject=after.id, seq=after.version, at=tx.now))


async def note_refusal(tx: Tx, lead: Lead, line: Line, why: str) -> None:
    """The lead stays as it is, and its history says what was refused."""
    await store.add_events(tx, [_written(tx, lead, line, why)])


def _written(tx: Tx, lead: Lead, line: Line, reason: str | None) -> LeadEvent:
    told = line.told
    return LeadEvent(
        organization_id=lead.organization_id,
        lead_id=lead.id,
        id=ids.new("lev"),
        at=tx.now,
        change=line.change,
        actor=line.actor,
        stage=lead.stage,
        reason=reason,
        assignee=lead.assignee,
        account_id=told.origin.account_id if told else lead.account_id,
        open_id=told.open_id if told else lead.open_id,
        source=told.source if told else None,
        message_id=told.message_id if told else None,
        consent_version=told.consent_version if told else None,
        attribution=told.attribution if told else None,
    )


def _own_origin(lead: Lead) -> Origin:
    # nothing came in at the door: a person's decision, or the clock, is the cause
    return Origin(lead.organization_id, lead.account_id, ids.new("obs"), ids.trace_parent())
