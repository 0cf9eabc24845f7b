"""Keep policies and tiers that were heard. Follow facts are learnt where they are answered."""

from collections.abc import Sequence
from typing import Any

from services.direct_messages import store
from services.direct_messages.actions.deps import Deps
from services.direct_messages.domain.conditions import Tier
from services.direct_messages.domain.policy import policy_of
from services.direct_messages.store import Fan
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


async def learn_tiers(
    deps: Deps, envelopes: list[Envelope], told: Sequence[tuple[Fan, tuple[Tier, int]]]
) -> None:
    """Keep each fan's tier with the version of the fan; what is older than known changes nothing."""
    async with deps.database.transaction(ALL_TENANTS) as tx:
        fresh = await inbox.take(tx, envelopes)
        newest: dict[Fan, tuple[Tier, int]] = {}
        for envelope, (fan, tier) in zip(envelopes, told, strict=True):
            if envelope.id in fresh and (fan not in newest or newest[fan][1] < tier[1]):
                newest[fan] = tier
        if newest:
            await store.put_fan_tiers(tx, newest)
