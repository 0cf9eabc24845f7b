"""Fans: queries."""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import NamedTuple

import sqlalchemy as sa

from services.fans.domain import Fan, Filter, Tier
from services.fans.store.tables import fan
from shared import ids
from shared.db import Row, Tx


class Key(NamedTuple):
    """A fan as the platform names one."""

    organization_id: str
    account_id: str
    open_id: str


_FAN = ", ".join(f"f.{field.name}" for field in fields(Fan))
_MEET = sa.text(
    "INSERT INTO fan (organization_id, account_id, open_id, id, first_seen_at, last_seen_at)"
    " SELECT u.*, CAST(:now AS timestamptz), CAST(:now AS timestamptz)"
    " FROM unnest(CAST(:organizations AS text[]), CAST(:accounts AS text[]),"
    " CAST(:open_ids AS text[]), CAST(:ids AS text[])) AS u"
    " ON CONFLICT (organization_id, account_id, open_id) DO NOTHING RETURNING id"
)
_LOCK = sa.text(
    f"SELECT {_FAN} FROM fan f WHERE (organization_id, account_id, open_id) IN"  # noqa: S608  own columns
    " (SELECT * FROM unnest(CAST(:organizations AS text[]), CAST(:accounts AS text[]),"
    " CAST(:open_ids AS text[])))"
    " ORDER BY organization_id, account_id, open_id FOR UPDATE"
)
_SAVE = sa.text(
    "UPDATE fan AS f SET nickname = u.nickname, follows = u.follows, followed_at = u.followed_at,"
    " observed_at = u.observed_at, epoch = u.epoch, version = u.version,"
    " last_seen_at = u.last_seen_at, tier = u.tier, tier_rule_version = u.tier_rule_version,"
    " tiered_at = u.tiered_at"
    " FROM unnest(CAST(:organizations AS text[]), CAST(:accounts AS text[]), CAST(:ids AS text[]),"
    " CAST(:nicknames AS text[]), CAST(:follows AS boolean[]), CAST(:followed AS timestamptz[]),"
    " CAST(:observed AS timestamptz[]), CAST(:epochs AS integer[]), CAST(:versions AS integer[]),"
    " CAST(:seen AS timestamptz[]), CAST(:tiers AS text[]), CAST(:tier_rules AS text[]),"
    " CAST(:tiered AS timestamptz[])) AS u (organization_id, account_id, id, nickname, follows,"
    " followed_at, observed_at, epoch, version, last_seen_at, tier, tier_rule_version, tiered_at)"
    " WHERE f.organization_id = u.organization_id AND f.account_id = u.account_id AND f.id = u.id"
)


async def meet(tx: Tx, keys: Iterable[Key]) -> set[str]:
    """Make a record for each fan that has none; the ids of the new ones."""
    ordered = sorted(set(keys))
    new = {**_columns(ordered), "ids": [ids.new("fan") for _ in ordered], "now": tx.now}
    return {row.id for row in await tx.execute(_MEET, new)}


async def lock(tx: Tx, keys: Iterable[Key]) -> dict[Key, Fan]:
    """The fans' records, which nobody else can change until the transaction ends."""
    rows = await tx.execute(_LOCK, _columns(sorted(set(keys))))
    fans = [_read(row) for row in rows]
    return {Key(f.organization_id, f.account_id, f.open_id): f for f in fans}


async def save(tx: Tx, fans: Sequence[Fan]) -> None:
    """Keep locked fans as they are now."""
    values = {
        "organizations": [f.organization_id for f in fans],
        "accounts": [f.account_id for f in fans],
        "ids": [f.id for f in fans],
        "nicknames": [f.nickname for f in fans],
        "follows": [f.follows for f in fans],
        "followed": [f.followed_at for f in fans],
        "observed": [f.observed_at for f in fans],
        "epochs": [f.epoch for f in fans],
        "versions": [f.version for f in fans],
        "seen": [f.last_seen_at for f in fans],
        "tiers": [f.tier for f in fans],
        "tier_rules": [f.tier_rule_version for f in fans],
        "tiered": [f.tiered_at for f in fans],
    }
    await tx.execute(_SAVE, values)


async def find_fan(tx: Tx, organization_id: str, fan_id: str) -> Fan | None:
    """The fan, if it is one of the organization's."""
    query = _all().where(fan.c.organization_id == organization_id, fan.c.id == fan_id)
    row = (await tx.execute(query)).first()
    return _read(row) if row else None


async def list_fans(
    tx: Tx, organization_id: str, account_id: str, wanted: Filter, after: str, most: int
) -> list[Fan]:
    """Fans behind the id `after`, first met first."""
    query = _all().where(
        fan.c.organization_id == organization_id, fan.c.account_id == account_id, fan.c.id > after
    )
    if wanted.follows is not None:
        query = query.where(fan.c.follows.is_(wanted.follows))
    if wanted.open_id is not None:
        query = query.where(fan.c.open_id == wanted.open_id)
    rows = await tx.execute(query.order_by(fan.c.id).limit(most))
    return [_read(row) for row in rows]


def _all() -> sa.Select[tuple[object, ...]]:
    return sa.select(*(fan.c[field.name] for field in fields(Fan)))


def _read(row: Row) -> Fan:
    return Fan(**{**row, "tier": Tier(row["tier"]) if row["tier"] else None})


def _columns(keys: Sequence[Key]) -> dict[str, list[str]]:
    return {
        "organizations": [key.organization_id for key in keys],
        "accounts": [key.account_id for key in keys],
        "open_ids": [key.open_id for key in keys],
    }
