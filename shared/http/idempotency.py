"""Idempotency keys: stored with the answer, in the transaction of the effect."""

import hashlib
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

import orjson
import sqlalchemy as sa
from fastapi import Depends, Header, Request

from shared.db.engine import Tx
from shared.errors import AppError, BadRequest

KEPT = timedelta(hours=72)

_KEEP = sa.text(
    "INSERT INTO idempotency_key (organization_id, scope, key, fingerprint, status, body, expires_at)"
    " VALUES (:organization, :scope, :key, :fingerprint, :status, :body, now() + :kept)"
    " ON CONFLICT (organization_id, scope, key) DO NOTHING RETURNING key"
)
_FIND = sa.text(
    "SELECT fingerprint, status, body FROM idempotency_key"
    " WHERE organization_id = :organization AND scope = :scope AND key = :key"
)
_PURGE = sa.text("DELETE FROM idempotency_key WHERE expires_at < now()")


class IdempotencyKeyReused(AppError):
    """The key was used before with another request."""

    code = "idempotency_key_reused"
    status = 422
    title = "Idempotency key used for another request"
    title_zh = "幂等键已用于其他请求"


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A client's key for one request, and what the request was."""

    scope: str
    key: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """The answer that the first request got."""

    status: int
    body: dict[str, Any]


async def find(tx: Tx, organization_id: str, key: IdempotencyKey) -> StoredAnswer | None:
    """The answer of an earlier request with this key. Raises IdempotencyKeyReused."""
    place = {"organization": organization_id, "scope": key.scope, "key": key.key}
    row = (await tx.execute(_FIND, place)).first()
    if row is None:
        return None
    if bytes(row.fingerprint) != key.fingerprint:
        raise IdempotencyKeyReused("this Idempotency-Key was used with another request")
    return StoredAnswer(row.status, orjson.loads(bytes(row.body)))


async def keep(
    tx: Tx, organization_id: str, key: IdempotencyKey, status: int, body: dict[str, Any]
) -> StoredAnswer | None:
    """Store the answer with its effect. Another request that was quicker: its answer, and roll back."""
    values = {
        "organization": organization_id,
        "scope": key.scope,
        "key": key.key,
        "fingerprint": key.fingerprint,
        "status": status,
        "body": orjson.dumps(body),
        "kept": KEPT,
    }
    if (await tx.execute(_KEEP, values)).first() is not None:
        return None
    return await find(tx, organization_id, key)


async def purge(tx: Tx) -> int:
    """Forget expired keys; how many."""
    return await tx.change(_PURGE)


async def _required(
    request: Request, idempotency_key: Annotated[str | None, Header(max_length=300)] = None
) -> IdempotencyKey:
    if idempotency_key is None:
        raise BadRequest("send an Idempotency-Key header", header="Idempotency-Key")
    key = idempotency_key.strip()
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not re.fullmatch(r"[\x21-\x7e]{8,255}", key):
        raise BadRequest("the Idempotency-Key must be 8 to 255 visible ASCII characters")
    digest = hashlib.sha256()
    for part in (request.method, request.url.path, request.headers.get("content-type", "")):
        digest.update(part.encode() + b"\n")
    digest.update(await request.body())
    return IdempotencyKey(f"{request.method} {request.scope['route'].path}", key, digest.digest())


RequiredKey = Annotated[IdempotencyKey, Depends(_required)]
