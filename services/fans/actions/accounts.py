"""Accounts: that they exist, and the numbers of their policy that matter here."""

from collections.abc import Sequence

from services.fans import store
from services.fans.actions.deps import Deps
from shared import inbox
from shared.contracts.envelope import Envelope
from shared.contracts.events.open_platform import PolicyChanged
from shared.db import ALL_TENANTS, Tx
from shared.errors import NotFound

_DEDUPE = "lead.dedupe_days"


async def know_accounts(deps: Deps, envelopes: Sequence[Envelope]) -> None:
    """Remember whose accounts these are, and how long their leads are one."""
    async with deps.database.transaction(ALL_TENANTS) as tx:
        fresh = await inbox.take(tx, envelopes)
        told = [(e, PolicyChanged.model_validate(e.data)) for e in envelopes if e.id in fresh]
        known = {
            (e.organization_id, e.account_id): (p.policy_version, p.values.get(_DEDUPE))
            for e, p in sorted(told, key=lambda one: one[1].policy_version)
        }
        await store.know_accounts(tx, known)


async def require_account(tx: Tx, organization_id: str, account_id: str) -> None:
    """Raise NotFound unless the organization has this account, as far as we heard."""
    if not await store.is_known(tx, organization_id, account_id):
        raise NotFound("no such account")
