"""Fans: taken over, seen to follow or not, looked up."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from services.fans import store
from services.fans.actions.accounts import require_account
from services.fans.actions.deps import Deps
from services.fans.domain import Fan, Filter, Observation, Tier, Told, is_news, observe, tiered
from services.fans.store import Key
from shared import ids, inbox
from shared.contracts.envelope import Envelope, Origin
from shared.contracts.events.douyin import FanFollowed, FollowChecked
from shared.contracts.events.fans import FollowChanged, TierChanged
from shared.db import ALL_TENANTS, Tx
from shared.errors import NotFound
from shared.http.idempotency import EACH_TIME, Once
from shared.http.versions import UNCONDITIONAL, Precondition, tag_of


@dataclass(frozen=True, slots=True)
class Imported:
    """A fan as a caller knows one; None: the caller does not know."""

    open_id: str
    nickname: str | None
    follows: bool | None


class Result(StrEnum):
    """What an import did to a fan."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


async def record_follows(deps: Deps, envelopes: Sequence[Envelope]) -> None:
    """Fans followed: one transaction for the batch, whatever comes twice or late changes nothing."""
    told = [(e, FanFollowed.model_validate(e.data)) for e in envelopes]
    await _record(
        deps,
        [(e, f.open_id, Observation(Told.FOLLOW, follows=True, at=f.followed_at)) for e, f in told],
    )


async def record_checks(deps: Deps, envelopes: Sequence[Envelope]) -> None:
    """The platform was asked whether these fans follow."""
    told = [(e, FollowChecked.model_validate(e.data)) for e in envelopes]
    await _record(
        deps,
        [
            (e, c.open_id, Observation(Told.CHECK, follows=c.follows, at=c.checked_at))
            for e, c in told
        ],
    )


async def _record(deps: Deps, observed: Sequence[tuple[Envelope, str, Observation]]) -> None:
    async with deps.database.transaction(ALL_TENANTS) as tx:
        fresh = await inbox.take(tx, [e for e, _, _ in observed])
        new = [one for one in observed if one[0].id in fresh]
        # within a second, in which a follow has no place, as they came
        new.sort(key=lambda one: one[2].at.replace(microsecond=0))
        keys = [Key(e.organization_id, e.account_id, open_id) for e, open_id, _ in new]
        await store.meet(tx, keys)
        fans = await store.lock(tx, keys)
        for (envelope, _, observation), key in zip(new, keys, strict=True):
            before = fans[key]
            after = observe(before, observation)
            fans[key] = replace(after, last_seen_at=tx.now)
            _tell(tx, before, after, envelope.origin)
        await store.save(tx, list(fans.values()))


async def list_fans(
    deps: Deps, tenant: tuple[str, str], wanted: Filter, after: str, most: int
) -> list[Fan]:
    """Fans of (organization, account) behind the id `after`. Raises NotFound."""
    organization_id, account_id = tenant
    async with deps.database.transaction(organization_id) as tx:
        await require_account(tx, organization_id, account_id)
        return await store.list_fans(tx, organization_id, account_id, wanted, after, most)


async def get_fan(deps: Deps, organization_id: str, fan_id: str) -> Fan:
    """The fan. Raises NotFound."""
    async with deps.database.transaction(organization_id) as tx:
        return await _fan(tx, organization_id, fan_id)


def fan_tag(fan: Fan) -> str:
    """The version of a fan as one is shown."""
    return tag_of(fan)


async def note_follow_state(
    deps: Deps, fan_key: tuple[str, str], expected: Precondition = UNCONDITIONAL, *, follows: bool
) -> Fan:
    """Somebody looked, now, at the fan of (organization, id): follows, or does not.

    Raises NotFound, PreconditionFailed.
    """
    organization_id, fan_id = fan_key
    async with deps.database.transaction(organization_id) as tx:
        found = await _fan(tx, organization_id, fan_id)
        key = Key(organization_id, found.account_id, found.open_id)
        before = (await store.lock(tx, [key]))[key]
        expected.check(fan_tag(before))
        after = observe(before, Observation(Told.CHECK, follows=follows, at=tx.now))
        await store.save(tx, [after])
        _tell(tx, before, after, _own_origin(after))
    return after


async def put_tier(
    deps: Deps,
    fan_key: tuple[str, str],
    tier: Tier,
    rule_version: str,
    expected: Precondition = UNCONDITIONAL,
) -> Fan:
    """The fan of (organization, id) is in this tier from now on. Raises NotFound, PreconditionFailed."""
    organization_id, fan_id = fan_key
    async with deps.database.transaction(organization_id) as tx:
        found = await _fan(tx, organization_id, fan_id)
        key = Key(organization_id, found.account_id, found.open_id)
        before = (await store.lock(tx, [key]))[key]
        expected.check(fan_tag(before))
        after = tiered(before, tier, rule_version, tx.now)
        if after != before:
            await store.save(tx, [after])
            tx.publish(_tier_told(after, tx))
    return after


def _tier_told(fan: Fan, tx: Tx) -> Envelope:
    event = TierChanged(
        open_id=fan.open_id,
        tier=fan.tier or Tier.NONE,
        rule_version=fan.tier_rule_version or "",
        fan_version=fan.version,
    )
    return Envelope.of(event, _own_origin(fan), subject=fan.id, seq=fan.version, at=tx.now)


async def import_fans(
    deps: Deps,
    tenant: tuple[str, str],
    imported: Sequence[Imported],
    *,
    observed_at: datetime | None = None,
    once: Once[list[tuple[Fan, Result]]] = EACH_TIME,
) -> list[tuple[Fan, Result]]:
    """Take over fans of (organization, account), each once; repeated, nothing changes.

    `observed_at`: when their follow states were true; None: now. Raises NotFound, Replayed.
    """
    organization_id, account_id = tenant
    async with deps.database.transaction(organization_id) as tx:
        await once.begin(tx, organization_id)
        await require_account(tx, organization_id, account_id)
        keys = [Key(organization_id, account_id, one.open_id) for one in imported]
        new = await store.meet(tx, keys)
        fans = await store.lock(tx, keys)
        at = observed_at or tx.now
        pairs = [
            (fans[key], _taken_over(fans[key], one, at))
            for key, one in zip(keys, imported, strict=True)
        ]
        await store.save(tx, [after for before, after in pairs if after != before])
        for before, after in pairs:
            _tell(tx, before, after, _own_origin(after))
        done = [(after, _result(before, after, new)) for before, after in pairs]
        await once.keep(tx, organization_id, done)
    return done


def _taken_over(fan: Fan, imported: Imported, at: datetime) -> Fan:
    named = replace(fan, nickname=imported.nickname) if imported.nickname is not None else fan
    if imported.follows is None or imported.follows is fan.follows:
        return named
    return observe(named, Observation(Told.CHECK, follows=imported.follows, at=at))


def _result(before: Fan, after: Fan, new: Iterable[str]) -> Result:
    if after.id in new:
        return Result.CREATED
    return Result.UNCHANGED if before == after else Result.UPDATED


def _tell(tx: Tx, before: Fan, after: Fan, origin: Origin) -> None:
    if not is_news(before, after) or after.follows is None or after.observed_at is None:
        return
    event = FollowChanged(
        open_id=after.open_id,
        follows=after.follows,
        observed_at=after.observed_at,
        epoch=after.epoch,
    )
    tx.publish(Envelope.of(event, origin, subject=after.id, seq=after.version, at=tx.now))


def _own_origin(fan: Fan) -> Origin:
    # nothing came in at the door: the look itself is the cause
    return Origin(fan.organization_id, fan.account_id, ids.new("obs"), ids.trace_parent())


async def _fan(tx: Tx, organization_id: str, fan_id: str) -> Fan:
    found = await store.find_fan(tx, organization_id, fan_id)
    if found is None:
        raise NotFound("no such fan")
    return found
