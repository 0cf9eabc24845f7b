"""Keep policies that were heard. Follow facts are learnt where they are answered."""

from collections.abc import Sequence
from typing import Any

from services.direct_messages import store
from services.direct_messages.actions.deps import Deps
from services.direct_messages.domain.policy import policy_of
from shared import inbox
from shared.contracts.envelope import Envelope
from shared.db import ALL_TENANTS


async def learn_policies(
    deps: Deps, envelopes: list[Envelope], learnt: Sequence[tuple[int, str, dict[str, Any]]]
) -> None:
    """Keep (version, profile, values) of each account. Raises KeyError when a key is missing."""
    for version, _, values in learnt:
        policy_of(version, values)  # a policy that cannot be used must not replace one that can
    async with deps.database.transaction(ALL_TENANTS) as tx:
        fresh = await inbox.take(tx, envelopes)
        rows = [
            {
                "organization_id": envelope.organization_id,
                "account_id": envelope.account_id,
                "version": version,
                "profile": profile,
                "values": values,
                "heard_at": tx.now,
            }
            for envelope, (version, profile, values) in zip(envelopes, learnt, strict=True)
            if envelope.id in fresh
        ]
        if rows:
            await store.learn_policies(tx, rows)
