"""Idempotency keys: stored with the answer, in the transaction of the effect.

An action begins with `Once.begin` and ends with `Once.keep`; what comes again under its key gets the
first answer, whoever asks and however often. An action that asks the outside in between, where no
transaction may be open, stands within `Once.held`; a call that must not happen twice, within `Once.risked`.
"""

import hashlib
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Generic, TypeVar

import sqlalchemy as sa
from fastapi import Depends, Header, Request
from pydantic import BaseModel

from shared.db.engine import Database, Tx
from shared.errors import AppError, BadRequest, NeighbourAway
from shared.sealing import Sealer

KEPT = timedelta(hours=72)
_HELD = timedelta(minutes=1)  # longer than any action asks the outside
# the status of a key whose request has no answer yet: nothing was done; something may have been done
_RUNNING, _RISKED, _UNKNOWN = 0, 1, 2
T = TypeVar("T")

_TAKE = sa.text("SELECT pg_try_advisory_xact_lock(hashtextextended(:place, 7461))")
_FIND = sa.text(
    "SELECT fingerprint, status, body, expires_at < now() + CASE status WHEN :risked"
    " THEN CAST(:kept AS interval) - :held ELSE interval '0' END AS is_over FROM idempotency_key"
    " WHERE organization_id = :organization AND scope = :scope AND key = :key"
)
_KEEP = sa.text(
    "INSERT INTO idempotency_key (organization_id, scope, key, fingerprint, status, body, expires_at)"
    " VALUES (:organization, :scope, :key, :fingerprint, :status, :body, now() + :kept)"
    " ON CONFLICT (organization_id, scope, key) DO UPDATE SET status = excluded.status,"
    " body = excluded.body, expires_at = excluded.expires_at WHERE idempotency_key.status <= 2"
)
_LET_GO = sa.text(
    "DELETE FROM idempotency_key"
    " WHERE organization_id = :organization AND scope = :scope AND key = :key AND status = 0"
)
_PURGE = sa.text(
    "DELETE FROM idempotency_key WHERE ctid = ANY(ARRAY(SELECT ctid FROM idempotency_key"
    " WHERE expires_at < now() LIMIT 10000)) AND expires_at < now()"
)


class IdempotencyKeyReused(AppError):
    """The key was used before with another request."""

    code = "idempotency_key_reused"
    status = 422
    title = "Idempotency key used for another request"
    title_zh = "幂等键已用于其他请求"
    meaning_zh = "该幂等键之前用于内容不同的请求。"
    to_do = "Use a new key for a new request; repeat a request byte for byte."
    to_do_zh = "新请求请用新键；重试时请保持请求内容逐字节相同。"


class IdempotencyKeyInUse(AppError):
    """A request with this key is being served at this moment."""

    code = "idempotency_key_in_use"
    status = 409
    title = "The same request is still running"
    title_zh = "相同的请求正在处理"
    meaning_zh = "带有该幂等键的请求此刻正在处理。"
    to_do = "Wait as long as `Retry-After` says, then repeat it: you get its answer."
    to_do_zh = "请按 `Retry-After` 等待后重试，即可得到它的应答。"
    retryable = True


class OutcomeUnknown(AppError):
    """What was asked may have been done at the platform: no clear answer came, and asking again could do it twice."""

    code = "outcome_unknown"
    status = 409
    title = "The outcome is unknown"
    title_zh = "结果未知"
    meaning_zh = "平台没有给出明确的应答，请求可能已在平台生效，重复请求可能会生效两次。"
    to_do = "Look whether it is there; only if it is not, ask again with a new Idempotency-Key."
    to_do_zh = "请先查看是否已经存在；确认不存在后，再用新的幂等键重试。"


class Replayed(Exception):
    """The request came before: its first answer goes out again, and nothing else happens."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__("answered before")
        self.status, self.body = status, body


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A client's key for one request, and what the request was."""

    scope: str
    key: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Once(Generic[T]):
    """Do it once a key (None: each time), and remember what was `shown`.

    `sealer`: the answer holds a secret, so what is kept is sealed.
    """

    key: IdempotencyKey | None = None
    shown: Callable[[T], BaseModel] | None = None
    status: int = 201
    sealer: Sealer | None = None

    async def begin(self, tx: Tx, organization_id: str) -> None:
        """Take the key until the transaction ends.

        Raises Replayed, IdempotencyKeyReused, IdempotencyKeyInUse, OutcomeUnknown.
        """
        if self.key is None:
            return
        place = self._place(organization_id)
        if not (await tx.execute(_TAKE, {"place": "\n".join(place.values())})).scalar():
            raise IdempotencyKeyInUse("a request with this Idempotency-Key is still running")
        times = {"risked": _RISKED, "kept": KEPT, "held": _HELD}
        row = (await tx.execute(_FIND, place | times)).first()
        if row is None:
            return
        if bytes(row.fingerprint) != self.key.fingerprint:
            raise IdempotencyKeyReused("this Idempotency-Key was used with another request")
        if row.status <= _UNKNOWN:
            _judge_unfinished(row.status, is_over=row.is_over)
            return
        body = bytes(row.body)
        if self.sealer is not None:
            body = self.sealer.open("|".join(place.values()), body.decode()).encode()
        raise Replayed(row.status, body)

    @asynccontextmanager
    async def held(self, database: Database, organization_id: str) -> AsyncIterator[None]:
        """Hold the key over calls to the outside; given back where they fail, so that they can be repeated.

        Raises as `begin` does. If the process dies meanwhile, the key is free again after a minute.
        """
        if self.key is None:
            yield
            return
        async with database.transaction(organization_id) as tx:
            await self.begin(tx, organization_id)
            await self._store(tx, organization_id, _RUNNING, b"", _HELD)
        try:
            yield
        except BaseException:
            with suppress(NeighbourAway):  # the minute ends it
                async with database.transaction(organization_id) as tx:
                    await tx.execute(_LET_GO, self._place(organization_id))
            raise

    @asynccontextmanager
    async def risked(self, database: Database, organization_id: str) -> AsyncIterator[None]:
        """Say before a call that must not be made twice; within `held`.

        Only an error that is not `in_doubt` says that nothing was done: then the key is free again. After
        any other end without an answer, also of the process, it stays taken: OutcomeUnknown, to whoever repeats it.
        """
        await self._mark(database, organization_id, _RISKED, KEPT)
        try:
            yield
        except AppError as error:
            if not error.in_doubt:
                with suppress(NeighbourAway):
                    await self._mark(database, organization_id, _RUNNING, _HELD)
                raise
            with suppress(NeighbourAway):
                await self._mark(database, organization_id, _UNKNOWN, KEPT)
            raise OutcomeUnknown(**error.facts) from error

    async def _mark(
        self, database: Database, organization_id: str, status: int, kept: timedelta
    ) -> None:
        if self.key is not None:
            async with database.transaction(organization_id) as tx:
                await self._store(tx, organization_id, status, b"", kept)

    async def keep(self, tx: Tx, organization_id: str, made: T) -> None:
        """Store the answer with its effect."""
        if self.key is None or self.shown is None:
            return
        place = self._place(organization_id)
        body = self.shown(made).model_dump_json()
        if self.sealer is not None:
            body = self.sealer.seal_secret("|".join(place.values()), body)
        await self._store(tx, organization_id, self.status, body.encode(), KEPT)

    async def _store(
        self, tx: Tx, organization_id: str, status: int, body: bytes, kept: timedelta
    ) -> None:
        assert self.key is not None
        values = {"fingerprint": self.key.fingerprint, "status": status, "body": body, "kept": kept}
        await tx.execute(_KEEP, {**self._place(organization_id), **values})

    def _place(self, organization_id: str) -> dict[str, str]:
        assert self.key is not None
        return {"organization": organization_id, "scope": self.key.scope, "key": self.key.key}


def _judge_unfinished(status: int, *, is_over: bool) -> None:
    """Return if the request may be done: whoever held its key died before anything was done."""
    if status == _UNKNOWN or (status == _RISKED and is_over):
        raise OutcomeUnknown
    if not is_over:
        raise IdempotencyKeyInUse("a request with this Idempotency-Key is still running")


EACH_TIME: Once[Any] = Once()  # without a key, every request is a new one


async def purge(tx: Tx) -> int:
    """Forget a page of expired keys; how many."""
    return await tx.change(_PURGE)


_Header = Annotated[
    str | None,
    Header(
        max_length=300,
        description="8 to 255 visible characters, quoted or bare. For 72 hours the same request under"
        " the same key gets the same answer, with `Idempotency-Replayed: true`.",
    ),
]


async def _optional(request: Request, idempotency_key: _Header = None) -> IdempotencyKey | None:
    if idempotency_key is None:
        return None
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


ONCE = (IdempotencyKeyReused, IdempotencyKeyInUse)  # what an endpoint with a key may answer
OptionalKey = Annotated[IdempotencyKey | None, Depends(_optional)]


def _required(key: OptionalKey) -> IdempotencyKey:
    if key is None:
        raise BadRequest("send an Idempotency-Key header", header="Idempotency-Key")
    return key


RequiredKey = Annotated[IdempotencyKey, Depends(_required)]
