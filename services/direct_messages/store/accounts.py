"""What is known of an account: versions that hold now, policies, facts of fans."""

# ruff: noqa: S608  statements are put together from constants only

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from services.direct_messages.domain.cases import FanFacts
from services.direct_messages.domain.conditions import Tier
from services.direct_messages.store import tables
from services.direct_messages.store.rows import as_rows, columns, insert, recordset
from services.direct_messages.store.tables import Account, Fan
from shared.db import Tx

_HEADS = sa.text(
    "SELECT a.organization_id, a.account_id, a.policy_version, a.rule_set_version"
    " FROM unnest(CAST(:org AS text[]), CAST(:acc AS text[])) k(o, a) JOIN account a"
    " ON a.organization_id = k.o AND a.account_id = k.a"
)
_VERSIONS = "unnest(CAST(:org AS text[]), CAST(:acc AS text[]), CAST(:version AS int[])) k(o, a, v)"
_VERSIONED = " ON x.organization_id = k.o AND x.account_id = k.a AND x.version = k.v"
_POLICIES = sa.text(
    f'SELECT x.organization_id, x.account_id, x.version, x."values" FROM {_VERSIONS}'
    f" JOIN policy x{_VERSIONED}"
)
_ADD_POLICIES = insert(tables.policies, "ON CONFLICT DO NOTHING")
_RAISE_POLICY = sa.text(
    "INSERT INTO account (organization_id, account_id, policy_version, rule_set_version)"
    " SELECT r.organization_id, r.account_id, max(r.version), 0"
    f" FROM {recordset(tables.policies, 'organization_id', 'account_id', 'version')}"
    " GROUP BY 1, 2 ORDER BY 1, 2"
    " ON CONFLICT (organization_id, account_id) DO UPDATE"
    " SET policy_version = greatest(account.policy_version, excluded.policy_version)"
)
_LOCK = sa.text(
    "SELECT policy_version, rule_set_version FROM account"
    " WHERE organization_id = :org AND account_id = :acc FOR UPDATE"
)
_FAN = ("organization_id", "account_id", "fan_open_id")
_OF_FOLLOWS = (*_FAN, "follows", "observed_at", "epoch")
_OF_TIERS = (*_FAN, "tier", "tier_version")
_FACTS = sa.text(
    "SELECT f.organization_id, f.account_id, f.fan_open_id, f.follows, f.observed_at, f.epoch, f.tier"
    " FROM unnest(CAST(:org AS text[]), CAST(:acc AS text[]), CAST(:fan AS text[])) k(o, a, i)"
    " JOIN fan_fact f ON f.organization_id = k.o AND f.account_id = k.a AND f.fan_open_id = k.i"
)
_PUT_FACTS = sa.text(
    "INSERT INTO fan_fact (organization_id, account_id, fan_open_id, follows, observed_at, epoch)"
    f" SELECT r.* FROM {recordset(tables.fan_facts, *_OF_FOLLOWS)}"
    " ON CONFLICT (organization_id, account_id, fan_open_id) DO UPDATE"
    " SET follows = excluded.follows, observed_at = excluded.observed_at, epoch = excluded.epoch"
    " WHERE fan_fact.observed_at IS NULL OR fan_fact.observed_at < excluded.observed_at"
)
_PUT_TIERS = sa.text(
    "INSERT INTO fan_fact (organization_id, account_id, fan_open_id, tier, tier_version)"
    f" SELECT r.* FROM {recordset(tables.fan_facts, *_OF_TIERS)}"
    " ON CONFLICT (organization_id, account_id, fan_open_id) DO UPDATE"
    " SET tier = excluded.tier, tier_version = excluded.tier_version"
    " WHERE fan_fact.tier_version < excluded.tier_version"
)


async def heads(tx: Tx, accounts: Iterable[Account]) -> dict[Account, tuple[int, int]]:
    """(policy version, rule set version) that hold now, of the accounts that are known."""
    found = await tx.execute(_HEADS, columns(sorted(set(accounts)), "org acc"))
    return {(r[0], r[1]): (r[2], r[3]) for r in found}


async def lock_account(tx: Tx, organization_id: str, account_id: str) -> tuple[int, int] | None:
    """The versions of one account, locked until the transaction ends; None if it is unknown."""
    row = (await tx.execute(_LOCK, {"org": organization_id, "acc": account_id})).first()
    return (row[0], row[1]) if row else None


async def policy_values(
    tx: Tx, wanted: Iterable[tuple[str, str, int]]
) -> dict[tuple[str, str, int], dict[str, Any]]:
    """The values of these policy versions (organization, account, version)."""
    found = await tx.execute(_POLICIES, columns(sorted(set(wanted)), "org acc version"))
    return {(r[0], r[1], r[2]): r[3] for r in found}


async def learn_policies(tx: Tx, learnt: Sequence[dict[str, Any]]) -> None:
    """Keep these policy versions; the newest of each account holds."""
    await tx.execute(_ADD_POLICIES, as_rows(learnt))
    await tx.execute(_RAISE_POLICY, as_rows(learnt))


async def fan_facts(tx: Tx, fans: Iterable[Fan]) -> dict[Fan, FanFacts]:
    """What is known of these fans."""
    found = await tx.execute(_FACTS, columns(sorted(set(fans)), "org acc fan"))
    return {
        (r[0], r[1], r[2]): FanFacts(
            r.follows, r.observed_at, r.epoch, Tier(r.tier) if r.tier else None
        )
        for r in found
    }


async def put_fan_facts(tx: Tx, learnt: dict[Fan, FanFacts]) -> None:
    """Keep these facts; one that was observed earlier than the one we have is dropped."""
    rows = [
        {
            "organization_id": organization_id,
            "account_id": account_id,
            "fan_open_id": fan,
            "follows": facts.follows,
            "observed_at": facts.observed_at,
            "epoch": facts.epoch,
        }
        for (organization_id, account_id, fan), facts in sorted(learnt.items())
    ]
    await tx.execute(_PUT_FACTS, as_rows(rows))


async def put_fan_tiers(tx: Tx, told: dict[Fan, tuple[Tier, int]]) -> None:
    """Keep these tiers, each with the version of the fan; an older one is dropped."""
    rows = [
        dict(zip(_OF_TIERS, (*fan, tier, version), strict=True))
        for fan, (tier, version) in sorted(told.items())
    ]
    await tx.execute(_PUT_TIERS, as_rows(rows))
