"""Webhooks that were put aside are told after all, when a person says so: read again, whatever their age."""

from functools import partial

import structlog

from services.douyin import store
from services.douyin.actions.translating import is_told, translate
from services.douyin.domain.strict_json import NotStrict, parse_object
from services.douyin.domain.webhooks import Intake, interpret, read
from services.douyin.store import UntoldRow
from shared import ids
from shared.contracts.envelope import Envelope, Origin
from shared.db import ALL_TENANTS, Database, Tx
from shared.errors import NotFound
from shared.sealing import Sealer

__all__ = ["UntoldRow", "count_untold", "list_untold", "tell_after_all"]

log = structlog.get_logger()


async def list_untold(
    database: Database, organization_id: str, after: str, most: int
) -> list[UntoldRow]:
    """Those of the organization behind the id `after`, the oldest first."""
    async with database.transaction(ALL_TENANTS) as tx:
        return await store.list_untold(tx, organization_id, after, most)


async def count_untold(database: Database) -> int:
    """How many wait for a person, of whomever."""
    async with database.transaction(ALL_TENANTS) as tx:
        return await store.count_untold(tx)


async def tell_after_all(
    database: Database, sealer: Sealer, organization_id: str, inbound_id: str
) -> str | None:
    """Read the webhook again and tell what it says, once; or why that cannot be. Raises NotFound."""
    async with database.transaction(ALL_TENANTS) as tx:
        row = await store.lock_untold(tx, organization_id, inbound_id)
        if row is None:
            raise NotFound("no webhook of that id is put aside")
        refused = await _tell(tx, sealer, row)
    log.info("webhook_redriven", cause=row.id, webhook=row.event, refused=refused)
    return refused


async def _tell(tx: Tx, sealer: Sealer, row: UntoldRow) -> str | None:
    app = await store.find_app(tx, row.organization_id, row.client_key)
    binding = await store.find_binding(tx, row.organization_id, row.account_id)
    if app is None or binding is None:
        return "account_not_bound"
    if row.body is None:
        return "body_forgotten"
    try:
        webhook = read(parse_object(sealer.open_bytes(row.organization_id, row.body)))
    except NotStrict:
        return "malformed"
    reading = interpret(webhook, row.client_key, binding.open_id)
    if reading.state is Intake.QUARANTINED:
        return reading.reason
    state, reason, told_later = reading.state, reading.reason, None
    if reading.fact is not None:
        seal = partial(sealer.seal, row.organization_id, day=tx.now.date())
        by_arrival = app.max_event_age_hours is None
        event = translate(reading.fact, seal, tx.now, lives_by_arrival=by_arrival)
        if is_told(reading.fact):
            origin = Origin(row.organization_id, row.account_id, row.id, ids.trace_parent())
            seq = reading.fact.at_ms or int(tx.now.timestamp() * 1000)
            tx.publish(Envelope.of(event, origin, subject=reading.fact.subject, seq=seq, at=tx.now))
        else:
            state, told_later = Intake.STORED, event.model_dump_json()
    await store.settle_untold(tx, row, state.value, reason, reading.kind, told_later)
    return None
