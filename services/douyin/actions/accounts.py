"""Which accounts exist, and the numbers of their policies that are used here."""

from collections.abc import Sequence

from services.douyin import store
from shared import inbox
from shared.contracts.envelope import Envelope
from shared.contracts.events.open_platform import PolicyChanged
from shared.db import ALL_TENANTS, Database

_USED = ("oauth.", "api.")


async def learn(database: Database, envelopes: Sequence[Envelope]) -> None:
    """Keep the accounts and the newest policy of each."""
    async with database.transaction(ALL_TENANTS) as tx:
        await inbox.take(tx, envelopes)
        for envelope in envelopes:
            policy = PolicyChanged.model_validate(envelope.data)
            used = {k: v for k, v in policy.values.items() if k.startswith(_USED)}
            tenant = (envelope.organization_id, envelope.account_id)
            await store.learn_account(tx, tenant, policy.policy_version, used)
