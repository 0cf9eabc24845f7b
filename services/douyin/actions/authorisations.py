"""What becomes of an authorisation after it was given: withdrawn, restored, near its end; each told once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from services.douyin import store
from services.douyin.actions.directory import Account, Directory
from services.douyin.actions.settling import count, tell
from services.douyin.domain.accounts import EXPIRING
from services.douyin.domain.authorisations import (
    RESTORED_BY_CONTRACT,
    Report,
    Revoked,
    lapse,
    withdrawal,
)
from shared import ids, inbox
from shared.contracts.envelope import Envelope, Event, Origin
from shared.contracts.events.douyin import (
    AccountAuthorised,
    AccountRevoked,
    AuthorisationNeeded,
    AuthorisationReported,
)
from shared.db import ALL_TENANTS, Database, Tx
from shared.errors import NeighbourAway
from shared.observability import metrics

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Deps:
    """What watching over authorisations needs."""

    database: Database
    directory: Directory


async def hear_reports(deps: Deps, envelopes: Sequence[Envelope]) -> None:
    """Act upon what the platform reports of owners, in the order in which it was heard."""
    async with deps.database.transaction(ALL_TENANTS) as tx:
        fresh = await inbox.take(tx, envelopes)
        for envelope in envelopes:
            if envelope.id in fresh:
                await _act(tx, envelope, AuthorisationReported.model_validate(envelope.data))
    deps.directory.forget()


async def _act(tx: Tx, envelope: Envelope, event: AuthorisationReported) -> None:
    row = await store.find_binding(tx, envelope.organization_id, envelope.account_id)
    if row is None or row.open_id != envelope.subject:
        return  # bound to another Douyin account since
    report = Report(event.report)
    log.info("authorisation_reported", account=row.account_id, report=report.value)
    reason = withdrawal(report, row.scopes, event.scopes)
    if reason is not None:
        await revoke(tx, row, reason, envelope.origin)
        return
    given, taken = event.scopes, list[str]()
    if report in {Report.WITHDREW, Report.CONTRACT_WITHDREW}:
        given, taken = taken, given
    await store.change_scopes(tx, (row.organization_id, row.account_id), given, taken)
    if report is Report.CONTRACT_AUTHORISED:
        told = await store.restore(tx, row.organization_id, row.account_id, RESTORED_BY_CONTRACT)
        if told is not None:
            tell_authorised(tx, row, envelope.origin, told)


async def fail_waiting(deps: Deps, envelopes: Sequence[Envelope]) -> None:
    """The owner withdrew: what waits to be sent fails, and its holds are given back."""
    async with deps.database.transaction(ALL_TENANTS) as tx:
        fresh = await inbox.take(tx, envelopes)
        moved = []
        for envelope in envelopes:
            if envelope.id not in fresh:
                continue
            tenant = (envelope.organization_id, envelope.account_id)
            row = await store.find_binding(tx, *tenant)
            if row is None or row.revoked_at is None:
                continue  # authorised again since
            moved += await store.fail_waiting(tx, *tenant, "not_authorised")
        tell(tx, moved)
    count(moved)
    deps.directory.forget()


async def refused_by_platform(deps: Deps, account: Account) -> None:
    """A call was answered that the user has not authorised it: as good as a withdrawal."""
    origin = _by_itself(account.organization_id, account.account_id)
    try:
        async with deps.database.transaction(ALL_TENANTS) as tx:
            row = await store.find_binding(tx, account.organization_id, account.account_id)
            if row is not None and row.token_version == account.token_version:
                await revoke(tx, row, Revoked.REFUSED_BY_PLATFORM, origin)
    except NeighbourAway:
        return  # the next refusal says it again
    deps.directory.forget()


async def tell_lapses(deps: Deps) -> int:
    """Ask the owners of accounts that end within three days and that nothing can renew; how many."""
    asked = 0
    async with deps.database.transaction(ALL_TENANTS) as tx:
        for one in await store.lapsing(tx, tx.now + EXPIRING):
            reason = lapse(had_refresh=one.had_refresh, is_refused=one.is_refused)
            ends = tx.now if one.is_refused else one.access_expires_at or tx.now
            asked += await need(tx, one.place, reason, ends)
    return asked


async def measure(deps: Deps) -> None:
    """Show how many accounts need their owner."""
    async with deps.database.transaction(ALL_TENANTS) as tx:
        metrics.authorisations_needed.set(await store.count_needed(tx))


async def revoke(tx: Tx, row: store.BindingRow, reason: Revoked, origin: Origin) -> None:
    """Stop the account and say so; nothing happens if it was stopped before."""
    tenant = (row.organization_id, row.account_id)
    keeps = reason is not Revoked.WITHDRAWN
    told = await store.revoke(tx, *tenant, reason, keeps_tokens=keeps)
    if not keeps:
        await store.drop_business_token(tx, *tenant)
    if told is None:
        if not keeps:
            await store.drop_tokens(tx, *tenant, reason)
        return
    place = store.Place(*tenant, row.client_key, row.open_id)
    event = AccountRevoked(
        client_key=row.client_key, open_id=row.open_id, reason=reason, revoked_at=tx.now
    )
    _tell(tx, event, place, origin, told)
    log.warning("account_revoked", account=row.account_id, reason=reason.value)
    await need(tx, place, reason, tx.now, origin)


async def need(
    tx: Tx, place: store.Place, reason: str, until: datetime, origin: Origin | None = None
) -> bool:
    """Say once that only the owner can help, why, and until when the account can send."""
    told = await store.need(tx, place, reason, until)
    if told is None:
        return False
    origin = origin or _by_itself(place.organization_id, place.account_id)
    event = AuthorisationNeeded(
        client_key=place.client_key, open_id=place.open_id, reason=reason, usable_until=until
    )
    _tell(tx, event, place, origin, told)
    log.error("authorisation_needed", account=place.account_id, reason=str(reason))
    return True


async def settled(tx: Tx, place: store.Place, reason: str) -> None:
    """Say that it goes on after all, if the owner was asked for this reason."""
    told = await store.unneed(tx, place, reason)
    if told is None:
        return
    row = await store.find_binding(tx, place.organization_id, place.account_id)
    if row is not None:
        tell_authorised(tx, row, told=told)


def tell_authorised(
    tx: Tx, row: store.BindingRow, origin: Origin | None = None, told: int | None = None
) -> None:
    """Say that the owner authorised; `row` is the binding as it is now."""
    ends = [row.access_token_expires_at]
    ends += [row.refresh_token_expires_at] if row.refresh_token else []
    known = [end for end in ends if end is not None]
    event = AccountAuthorised(
        client_key=row.client_key,
        open_id=row.open_id,
        scopes=sorted(row.scopes),
        usable_until=max(known) if len(known) == len(ends) else None,
    )
    place = store.Place(row.organization_id, row.account_id, row.client_key, row.open_id)
    origin = origin or _by_itself(row.organization_id, row.account_id)
    _tell(tx, event, place, origin, row.told if told is None else told)


def _tell(tx: Tx, event: Event, place: store.Place, origin: Origin, told: int) -> None:
    tx.publish(Envelope.of(event, origin, subject=place.account_id, seq=told, at=tx.now))


def _by_itself(organization_id: str, account_id: str) -> Origin:
    """Nothing came in at the door: the change itself is the cause."""
    return Origin(organization_id, account_id, ids.new("chg"), ids.trace_parent())
