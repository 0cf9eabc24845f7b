"""Rules move leads: what a rule asks for happens, or the lead's history says why not. Nothing is raised."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import structlog

from services.fans import store
from services.fans.actions.deps import Deps
from services.fans.actions.history import Behind, Line, keep, note_refusal
from services.fans.domain.leads import Stage, StageRefused, moved
from shared import inbox
from shared.contracts.envelope import Envelope
from shared.contracts.events.direct_messages import LeadStageAsked
from shared.db import ALL_TENANTS, Tx
from shared.observability import metrics

log = structlog.get_logger()

_PATIENCE: Final = timedelta(minutes=1)  # what the fan left may come after what moves it


async def move_as_asked(deps: Deps, envelopes: Sequence[Envelope]) -> None:
    """Move the open lead of each fan. Raises Postponed for those whose lead may still come."""
    asked = [(e, LeadStageAsked.model_validate(e.data)) for e in envelopes]
    async with deps.database.transaction(ALL_TENANTS) as tx:
        await store.guard(tx, (_fan(e, wanted) for e, wanted in asked))
        early = [(e, wanted) for e, wanted in asked if await _may_come(tx, e, wanted)]
        waiting = {e.id for e, _ in early}
        ready = [(e, wanted) for e, wanted in asked if e.id not in waiting]
        fresh = await inbox.take(tx, [e for e, _ in ready])
        for envelope, wanted in ready:
            if envelope.id in fresh:
                await _move(tx, envelope, wanted)
    if early:
        raise inbox.Postponed([e for e, _ in early])


def _fan(envelope: Envelope, asked: LeadStageAsked) -> str:
    return f"{envelope.organization_id}|{envelope.account_id}|{asked.open_id}"


async def _may_come(tx: Tx, envelope: Envelope, asked: LeadStageAsked) -> bool:
    if tx.now - asked.asked_at >= _PATIENCE:
        return False
    tenant = (envelope.organization_id, envelope.account_id)
    found = await store.newest_of_fan(tx, *tenant, asked.open_id)
    return found is None or found.stage.is_end


async def _move(tx: Tx, envelope: Envelope, asked: LeadStageAsked) -> None:
    tenant = (envelope.organization_id, envelope.account_id)
    lead = await store.newest_of_fan(tx, *tenant, asked.open_id)
    if lead is None:
        log.info("lead_stage_without_lead", message=asked.message_id, stage=asked.stage)
        return _count("no_lead")
    told = Behind(envelope.origin, asked.open_id, asked.message_id)
    try:
        after = moved(lead, Stage(asked.stage), asked.reason, tx.now)
    except StageRefused:
        line = Line("stage_refused", asked.rule_id, told)
        await note_refusal(tx, lead, line, f"from {lead.stage} to {asked.stage}")
        return _count("refused")
    await keep(tx, lead, after, Line("stage", asked.rule_id, told))
    return _count("moved")


def _count(outcome: str) -> None:
    metrics.child(metrics.lead_stages, outcome).inc()
