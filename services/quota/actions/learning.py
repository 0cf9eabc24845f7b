"""What quota must know of others: policies and follow states, kept as copies."""

from collections.abc import Sequence
from datetime import datetime

from services.quota import store
from services.quota.actions.deps import Deps
from shared import inbox
from shared.contracts.envelope import Envelope
from shared.db import ALL_TENANTS


async def learn_policies(
    deps: Deps, heard: Sequence[Envelope], rows: Sequence[tuple[str, str, int, str]]
) -> None:
    """Rows of (organization, account, version, values as JSON). Older versions change nothing."""
    async with deps.database.transaction(ALL_TENANTS) as tx:
        await inbox.take(tx, heard)
        await store.save_policies(tx, rows)


async def learn_follow_states(
    deps: Deps, heard: Sequence[Envelope], rows: Sequence[tuple[str, str, str, bool, datetime]]
) -> None:
    """Rows of (organization, account, fan, follows, observed at). Older observations change nothing."""
    async with deps.database.transaction(ALL_TENANTS) as tx:
        await inbox.take(tx, heard)
        await store.save_facts(tx, rows)
