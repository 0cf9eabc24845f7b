"""Keep policies, tiers and cards that were heard of. Follow facts are learnt where they are answered."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from services.direct_messages import store
from services.direct_messages.actions.deps import Deps
from services.direct_messages.actions.pausing import pause_without_cards
from services.direct_messages.domain.conditions import Tier
from services.direct_messages.domain.policy import policy_of
from services.direct_messages.store import Account, Fan, ToldCard
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


async def learn_cards(
    deps: Deps, envelopes: list[Envelope], told: Sequence[tuple[str, bool]]
) -> None:
    """Keep (card, whether it is there) of each account; published rules that send one that is gone are paused.

    Rules are checked under the same lock: none is published with a card that is gone already.
    """
    async with deps.database.transaction(ALL_TENANTS) as tx:
        fresh = await inbox.take(tx, envelopes)
        rows: dict[Account, dict[str, ToldCard]] = defaultdict(dict)
        for envelope, (card_id, is_there) in sorted(
            zip(envelopes, told, strict=True), key=lambda one: one[0].subject_seq
        ):
            if envelope.id in fresh:
                account = (envelope.organization_id, envelope.account_id)
                rows[account][card_id] = ToldCard(*account, card_id, envelope.subject_seq, is_there)
        for account, cards in sorted(rows.items()):
            await store.lock_account(tx, *account)
            await store.learn_cards(tx, list(cards.values()))
            gone = {
                c.card_id
                for c in await store.known_cards(tx, account, cards)
                if c.is_gone_of(account[1])
            }
            if gone:
                await pause_without_cards(tx, account, gone, envelopes[0].cause)
