"""API keys: never the key itself, only its digest. Their times are PostgreSQL's own `now()`.

A credential must not come back to life, or die, because somebody moves the demo's clock.
"""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from services.open_platform.domain.api_keys import ApiKey
from services.open_platform.store.tables import api_key
from shared.db import Row, Tx


@dataclass(frozen=True, slots=True)
class LiveKey:
    """A key that may be used now. `is_stale`: its last use is not written down to the minute."""

    organization_id: str
    id: str
    scopes: tuple[str, ...]
    is_stale: bool


_FIND_LIVE = sa.text(
    "SELECT organization_id, id, scopes,"
    " last_used_at IS NULL OR last_used_at < now() - interval '1 minute' AS is_stale"
    " FROM api_key WHERE digest = :digest AND revoked_at IS NULL"
    " AND (expires_at IS NULL OR expires_at > now())"
)
_TOUCH = sa.text(
    "UPDATE api_key SET last_used_at = now() WHERE organization_id = :organization AND id = :id"
    " AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')"
)
_REVOKE = sa.text(
    "UPDATE api_key SET revoked_at = coalesce(revoked_at, now())"
    " WHERE organization_id = :organization AND id = :id"
)
_IS_AHEAD = sa.text("SELECT CAST(:at AS timestamptz) > now()")


async def is_ahead(tx: Tx, at: datetime) -> bool:
    """Whether the time is still to come."""
    return bool((await tx.execute(_IS_AHEAD, {"at": at})).scalar())


async def insert_key(tx: Tx, new: ApiKey, digest: bytes) -> None:
    """Keep a new key, made now."""
    values = {
        "organization_id": new.organization_id,
        "id": new.id,
        "name": new.name,
        "mode": new.mode,
        "digest": digest,
        "last4": new.last4,
        "scopes": list(new.scopes),
        "expires_at": new.expires_at,
    }
    await tx.execute(sa.insert(api_key).values(values))


async def find_key(tx: Tx, organization_id: str, key_id: str) -> ApiKey | None:
    """The key, if it is one of the organization."""
    row = (await tx.execute(_of(organization_id).where(api_key.c.id == key_id))).first()
    return _read(row) if row else None


async def list_keys(tx: Tx, organization_id: str, after: str, most: int) -> list[ApiKey]:
    """Keys behind `after`, oldest first, also those that were revoked."""
    query = _of(organization_id).where(api_key.c.id > after).order_by(api_key.c.id).limit(most)
    return [_read(row) for row in await tx.execute(query)]


async def find_live(tx: Tx, digest: bytes) -> LiveKey | None:
    """The key of this digest, of whichever organization, if it may be used now."""
    row = (await tx.execute(_FIND_LIVE, {"digest": digest})).first()
    return LiveKey(row.organization_id, row.id, tuple(row.scopes), row.is_stale) if row else None


async def touch(tx: Tx, organization_id: str, key_id: str) -> None:
    """Write down that the key was used, at most once a minute."""
    await tx.execute(_TOUCH, {"organization": organization_id, "id": key_id})


async def revoke(tx: Tx, organization_id: str, key_id: str) -> None:
    """End the key, now or earlier."""
    await tx.execute(_REVOKE, {"organization": organization_id, "id": key_id})


def _of(organization_id: str) -> sa.Select[tuple[object, ...]]:
    shown = [column for column in api_key.c if column.name != "digest"]
    return sa.select(*shown).where(api_key.c.organization_id == organization_id)


def _read(row: Row) -> ApiKey:
    return ApiKey(**{**row, "scopes": tuple(row.scopes)})
