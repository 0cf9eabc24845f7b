"""Leads and what happened to them: queries."""

# ruff: noqa: S608  statements are put together from constants only

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Final

import orjson
import sqlalchemy as sa

from services.fans.domain import Attribution, Lead, Stage
from services.fans.store.tables import lead, lead_event
from shared.db import Row, Tx

_NAMES = [field.name for field in fields(Lead)]
_LEAD = ", ".join(_NAMES)
_GUARD = sa.text(
    "SELECT pg_advisory_xact_lock(hashtextextended(name, 5483))"
    " FROM unnest(CAST(:names AS text[])) AS u (name)"
)
# the newest lead of a number anywhere in the organization, and the newest of the fan
_BY_PHONE = sa.text(
    f"SELECT {_LEAD} FROM lead WHERE organization_id = :organization AND phone_key = :phone"
    " ORDER BY captured_at DESC, id DESC LIMIT 1 FOR UPDATE"
)
_BY_FAN = sa.text(
    f"SELECT {_LEAD} FROM lead WHERE organization_id = :organization AND account_id = :account"
    " AND open_id = :fan ORDER BY captured_at DESC, id DESC LIMIT 1 FOR UPDATE"
)
_ONE = sa.text(f"SELECT {_LEAD} FROM lead WHERE organization_id = :organization AND id = :id")
_LOCK = sa.text(
    f"SELECT {_LEAD} FROM lead WHERE organization_id = :organization AND id = :id FOR UPDATE"
)
_FOUND_BY: Final = ("ad_id", "promotion_id")  # of the attribution, in columns of their own
_KEPT = [*_NAMES, *_FOUND_BY]


def _values(names: Iterable[str]) -> str:
    return ", ".join(
        "CAST(:attribution AS jsonb)" if n == "attribution" else f":{n}" for n in names
    )


_PUT = sa.text(
    f"INSERT INTO lead ({', '.join(_KEPT)}) VALUES ({_values(_KEPT)})"
    " ON CONFLICT (organization_id, id) DO UPDATE SET "
    + ", ".join(
        f"{name} = excluded.{name}" for name in _KEPT if name not in {"organization_id", "id"}
    )
)
_FORGOTTEN = sa.text(
    f"SELECT {_LEAD} FROM lead WHERE stage = 'assigned' AND assignee IS NOT NULL"
    " AND moved_at < :before ORDER BY moved_at LIMIT 100 FOR UPDATE SKIP LOCKED"
)


@dataclass(frozen=True, slots=True)
class LeadEvent:
    """One line of a lead's history; only added, never changed. `actor`: a key, the fan, a rule, the clock."""

    organization_id: str
    lead_id: str
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
    attribution: Attribution | None


@dataclass(frozen=True, slots=True)
class LeadFilter:
    """Which leads of an organization are wanted; None: all of them."""

    account_id: str | None = None
    open_id: str | None = None
    stage: Stage | None = None
    assignee: str | None = None
    ad_id: str | None = None
    promotion_id: str | None = None


async def guard(tx: Tx, names: Iterable[str]) -> None:
    """Let nobody else work on these names until the transaction ends; always in the same order."""
    await tx.execute(_GUARD, {"names": sorted(set(names))})


async def newest_of_phone(tx: Tx, organization_id: str, phone_key: bytes) -> Lead | None:
    """The newest lead with that number, locked."""
    values = {"organization": organization_id, "phone": phone_key}
    return _one((await tx.execute(_BY_PHONE, values)).first())


async def newest_of_fan(tx: Tx, organization_id: str, account_id: str, open_id: str) -> Lead | None:
    """The newest lead of that fan, locked."""
    values = {"organization": organization_id, "account": account_id, "fan": open_id}
    return _one((await tx.execute(_BY_FAN, values)).first())


async def find_lead(tx: Tx, organization_id: str, lead_id: str) -> Lead | None:
    """The lead, if it is one of the organization's."""
    return _one((await tx.execute(_ONE, {"organization": organization_id, "id": lead_id})).first())


async def lock_lead(tx: Tx, organization_id: str, lead_id: str) -> Lead | None:
    """The lead, which nobody else can change until the transaction ends."""
    values = {"organization": organization_id, "id": lead_id}
    return _one((await tx.execute(_LOCK, values)).first())


async def forgotten(tx: Tx, before: datetime) -> list[Lead]:
    """Leads that were assigned before then and not touched by their assignee since, locked."""
    return [_read(row) for row in await tx.execute(_FORGOTTEN, {"before": before})]


async def put_lead(tx: Tx, new: Lead) -> None:
    """Keep the lead as it is now."""
    found_by = {name: new.attribution and new.attribution.ad_id(name) for name in _FOUND_BY}
    await tx.execute(_PUT, _row(new) | found_by)


async def add_events(tx: Tx, events: Sequence[LeadEvent]) -> None:
    """Write lines of history."""
    for event in events:  # leads are rare: a batch is one or two
        await tx.execute(_ADD_EVENT, _row(event))


async def list_leads(
    tx: Tx, organization_id: str, wanted: LeadFilter, before: str, most: int
) -> list[Lead]:
    """Leads older than the id `before` (empty: the newest), newest first."""
    query = sa.select(*(lead.c[name] for name in _NAMES)).where(
        lead.c.organization_id == organization_id
    )
    for name, value in asdict(wanted).items():
        if value is not None:
            query = query.where(lead.c[name] == value)
    if before:
        query = query.where(lead.c.id < before)
    return [_read(row) for row in await tx.execute(query.order_by(lead.c.id.desc()).limit(most))]


async def list_events(
    tx: Tx, organization_id: str, lead_id: str, before: str, most: int
) -> list[LeadEvent]:
    """The lead's history before the line `before` (empty: the newest), newest first."""
    query = sa.select(*lead_event.c).where(
        lead_event.c.organization_id == organization_id, lead_event.c.lead_id == lead_id
    )
    if before:
        query = query.where(lead_event.c.id < before)
    rows = await tx.execute(query.order_by(lead_event.c.id.desc()).limit(most))
    return [LeadEvent(**{**row, "attribution": _attribution(row)}) for row in rows]


_EVENT_NAMES = [field.name for field in fields(LeadEvent)]
_ADD_EVENT = sa.text(
    f"INSERT INTO lead_event ({', '.join(_EVENT_NAMES)}) VALUES ({_values(_EVENT_NAMES)})"
)


def _one(row: Row | None) -> Lead | None:
    return _read(row) if row else None


def _row(kept: Lead | LeadEvent) -> dict[str, Any]:
    told = asdict(kept.attribution) if kept.attribution else None
    return asdict(kept) | {"attribution": told and orjson.dumps(told).decode()}


def _read(row: Row) -> Lead:
    stages = {name: Stage(row[name]) for name in ("stage", "reached")}
    return Lead(**{**row, **stages, "attribution": _attribution(row)})


def _attribution(row: Row) -> Attribution | None:
    told = row["attribution"]
    if told is None:
        return None
    at = told["entered_at"]
    return Attribution(**{**told, "entered_at": datetime.fromisoformat(at) if at else None})
