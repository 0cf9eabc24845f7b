"""Authorisations: links that owners follow, what they withdraw, and who must be asked again."""

# ruff: noqa: S608  statements are put together from constants of this room only
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from services.douyin.store.attempts import MOVED, Moved
from services.douyin.store.tables import authorisation_link
from shared.db import Tx

_MOST = 500
_MINE = " WHERE organization_id = :organization AND account_id = :account"
_USE_LINK = sa.text(
    f"UPDATE authorisation_link SET used_at = :now{_MINE} AND id = :id AND used_at IS NULL"
    " AND expires_at > :now RETURNING client_key"
)
_REOPEN_LINK = sa.text(f"UPDATE authorisation_link SET used_at = NULL{_MINE} AND id = :id")
_DROP_LINKS = sa.text(
    "DELETE FROM authorisation_link WHERE ctid = ANY(ARRAY(SELECT ctid FROM authorisation_link"
    f" WHERE expires_at < :before ORDER BY expires_at LIMIT {_MOST}))"
)
_REVOKE = sa.text(
    "UPDATE binding SET revoked_at = :now, revoked_reason = :reason, refreshing_until = NULL,"
    " access_token = CASE WHEN :keeps_tokens THEN access_token END,"
    " refresh_token = CASE WHEN :keeps_tokens THEN refresh_token END,"
    f" told = told + 1, updated_at = now(){_MINE} AND revoked_at IS NULL RETURNING told"
)
_RESTORE = sa.text(
    "UPDATE binding SET revoked_at = NULL, revoked_reason = NULL, needed_reason = NULL,"
    " needed_since = NULL, usable_until = NULL, told = told + 1, updated_at = now()"
    f"{_MINE} AND revoked_reason = ANY(CAST(:reasons AS text[])) AND access_token IS NOT NULL"
    " RETURNING told"
)
_DROP_TOKENS = sa.text(
    "UPDATE binding SET revoked_reason = :reason, access_token = NULL, refresh_token = NULL,"
    f" updated_at = now(){_MINE} AND revoked_at IS NOT NULL"
)
_CHANGE_SCOPES = sa.text(
    "UPDATE binding SET scopes = ARRAY(SELECT DISTINCT s FROM"
    " unnest(scopes || CAST(:given AS text[])) AS s WHERE s <> ALL(CAST(:taken AS text[]))"
    f" ORDER BY s), updated_at = now(){_MINE}"
)
_NEED = sa.text(
    "UPDATE binding SET needed_reason = :reason, needed_since = :now, usable_until = :until,"
    f" told = told + 1, updated_at = now(){_MINE} AND needed_reason IS NULL RETURNING told"
)
_UNNEED = sa.text(
    "UPDATE binding SET needed_reason = NULL, needed_since = NULL, usable_until = NULL,"
    f" told = told + 1, updated_at = now(){_MINE} AND needed_reason = :reason RETURNING told"
)
# no refresh token can help any more, and the access token ends soon or was refused
_LAPSING = sa.text(
    "SELECT organization_id, account_id, client_key, open_id, refresh_token IS NOT NULL,"
    " refused_version IS NOT DISTINCT FROM token_version, access_token_expires_at FROM binding"
    " WHERE needed_reason IS NULL AND revoked_at IS NULL AND access_token IS NOT NULL"
    " AND (refresh_token IS NULL OR refresh_token_expires_at <= :now)"
    " AND (access_token_expires_at <= :before OR refused_version = token_version)"
    f" LIMIT {_MOST} FOR UPDATE SKIP LOCKED"
)
_COUNT_NEEDED = sa.text("SELECT count(*) FROM binding WHERE needed_reason IS NOT NULL")
_FAIL_WAITING = sa.text(
    "UPDATE attempt a SET state = 'failed', reason = :reason, seq = a.seq + 1, settled_at = :now"
    f" WHERE a.ctid = ANY(ARRAY(SELECT ctid FROM attempt{_MINE} AND state = 'queued'"
    f" ORDER BY conversation_id, position LIMIT {_MOST} FOR UPDATE SKIP LOCKED)) RETURNING {MOVED}"
)


@dataclass(frozen=True, slots=True)
class Place:
    """A bound account."""

    organization_id: str
    account_id: str
    client_key: str
    open_id: str


@dataclass(frozen=True, slots=True)
class Link:
    """A link by which an owner is asked to authorise."""

    organization_id: str
    account_id: str
    id: str
    client_key: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Lapsing:
    """A binding that will stop sending, or has stopped, unless its owner authorises again."""

    place: Place
    had_refresh: bool
    is_refused: bool
    access_expires_at: datetime | None


async def insert_link(tx: Tx, link: Link) -> None:
    """Keep a new link."""
    values = {name: getattr(link, name) for name in Link.__slots__}
    await tx.execute(sa.insert(authorisation_link).values(values))


async def use_link(tx: Tx, organization_id: str, account_id: str, id_: str) -> str | None:
    """The client key of a link that is good and now used; None: unknown, expired or used before."""
    mine = {"organization": organization_id, "account": account_id, "id": id_, "now": tx.now}
    found: str | None = (await tx.execute(_USE_LINK, mine)).scalar()
    return found


async def reopen_link(tx: Tx, organization_id: str, account_id: str, id_: str) -> None:
    """Nothing was asked of the platform: the link may be followed again."""
    mine = {"organization": organization_id, "account": account_id, "id": id_}
    await tx.execute(_REOPEN_LINK, mine)


async def drop_links(tx: Tx, before: datetime) -> None:
    """Forget links that ended before that time."""
    await tx.execute(_DROP_LINKS, {"before": before})


async def revoke(
    tx: Tx, organization_id: str, account_id: str, reason: str, *, keeps_tokens: bool
) -> int | None:
    """Stop the account; the number of this fact about it. None: it was stopped before."""
    values = _mine(organization_id, account_id)
    values |= {"reason": reason, "now": tx.now, "keeps_tokens": keeps_tokens}
    told: int | None = (await tx.execute(_REVOKE, values)).scalar()
    return told


async def restore(
    tx: Tx, organization_id: str, account_id: str, reasons: Sequence[str]
) -> int | None:
    """Let an account go on that was stopped for one of these reasons; the number of this fact."""
    values = {**_mine(organization_id, account_id), "reasons": list(reasons)}
    told: int | None = (await tx.execute(_RESTORE, values)).scalar()
    return told


async def drop_tokens(tx: Tx, organization_id: str, account_id: str, reason: str) -> None:
    """The account was stopped already, and its tokens died after that, for this reason."""
    await tx.execute(_DROP_TOKENS, {**_mine(organization_id, account_id), "reason": reason})


async def change_scopes(
    tx: Tx, tenant: tuple[str, str], given: Sequence[str], taken: Sequence[str]
) -> None:
    """The owner of the account of (organization, account) granted some scopes, or took some back."""
    values = {**_mine(*tenant), "given": list(given), "taken": list(taken)}
    await tx.execute(_CHANGE_SCOPES, values)


async def need(tx: Tx, place: Place, reason: str, until: datetime) -> int | None:
    """The owner must be asked; the number of this fact. None: that was said before in this lapse."""
    values = _mine(place.organization_id, place.account_id)
    values |= {"reason": reason, "until": until, "now": tx.now}
    told: int | None = (await tx.execute(_NEED, values)).scalar()
    return told


async def unneed(tx: Tx, place: Place, reason: str) -> int | None:
    """What the owner was asked for is settled; the number of this fact. None: nobody asked for that."""
    values = {**_mine(place.organization_id, place.account_id), "reason": reason}
    told: int | None = (await tx.execute(_UNNEED, values)).scalar()
    return told


async def lapsing(tx: Tx, before: datetime) -> list[Lapsing]:
    """Accounts that nothing can keep alive beyond that time, and whose owner was not asked yet."""
    rows = await tx.execute(_LAPSING, {"now": tx.now, "before": before})
    return [Lapsing(Place(*row[:4]), *row[4:]) for row in rows]


async def fail_waiting(tx: Tx, organization_id: str, account_id: str, reason: str) -> list[Moved]:
    """Fail the oldest 500 that wait to be sent for the account; the rest fails when its turn comes."""
    values = {**_mine(organization_id, account_id), "reason": reason, "now": tx.now}
    return [Moved(*row) for row in await tx.execute(_FAIL_WAITING, values)]


async def count_needed(tx: Tx) -> int:
    """How many accounts need their owner."""
    return int((await tx.execute(_COUNT_NEEDED)).scalar())


def _mine(organization_id: str, account_id: str) -> dict[str, object]:
    return {"organization": organization_id, "account": account_id}
