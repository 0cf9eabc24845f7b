"""API keys: made, listed, revoked, and exchanged for the short token that every service verifies."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

from services.open_platform.actions.deps import Deps
from services.open_platform.domain import api_keys as shape
from services.open_platform.domain.api_keys import ApiKey, KeyMode, Scope
from services.open_platform.store import api_keys
from shared import ids
from shared.db import ALL_TENANTS, Tx
from shared.errors import Forbidden, Invalid, NotFound
from shared.http.idempotency import EACH_TIME, Once
from shared.http.principal import Principal
from shared.http.versions import UNCONDITIONAL, Precondition, tag_of

EVERY_SCOPE: frozenset[str] = frozenset(Scope)


@dataclass(frozen=True, slots=True)
class NewKey:
    """What a caller says of a new key."""

    name: str
    scopes: tuple[str, ...]
    mode: KeyMode = KeyMode.LIVE
    expires_at: datetime | None = None


async def create_api_key(
    deps: Deps,
    organization_id: str,
    new: NewKey,
    *,
    granted_by: AbstractSet[str] = EVERY_SCOPE,
    once: Once[tuple[ApiKey, str]] = EACH_TIME,
) -> tuple[ApiKey, str]:
    """The new key and its text, which nobody can see again. Raises Forbidden, Invalid, Replayed."""
    beyond = sorted(set(new.scopes) - granted_by)
    if beyond:
        raise Forbidden(f"a key cannot grant what it lacks: {', '.join(beyond)}", scope=beyond[0])
    text = shape.spelled(new.mode, deps.chance())
    async with deps.database.transaction(organization_id) as tx:
        await once.begin(tx, organization_id)
        if new.expires_at is not None and not await api_keys.is_ahead(tx, new.expires_at):
            raise Invalid("expires_at must lie ahead", pointer="#/expires_at")
        key_id = ids.new("key")
        made = ApiKey(
            organization_id=organization_id,
            id=key_id,
            name=new.name,
            mode=new.mode,
            last4=text[-4:],
            scopes=tuple(sorted(new.scopes)),
            created_at=tx.now,
            expires_at=new.expires_at,
            revoked_at=None,
            last_used_at=None,
        )
        await api_keys.insert_key(tx, made, shape.digest(deps.pepper, text))
        kept = await api_keys.find_key(tx, organization_id, key_id) or made
        await once.keep(tx, organization_id, (kept, text))
    return kept, text


async def list_api_keys(deps: Deps, organization_id: str, after: str, most: int) -> list[ApiKey]:
    """Keys behind the id `after`, oldest first, also those that ended."""
    async with deps.database.transaction(organization_id) as tx:
        return await api_keys.list_keys(tx, organization_id, after, most)


async def find_api_key(deps: Deps, organization_id: str, key_id: str) -> ApiKey:
    """What is known of a key. Raises NotFound."""
    async with deps.database.transaction(organization_id) as tx:
        return await _find(tx, organization_id, key_id)


async def revoke_api_key(
    deps: Deps, organization_id: str, key_id: str, expected: Precondition = UNCONDITIONAL
) -> None:
    """End the key; every process stops taking it within a minute. Raises NotFound, PreconditionFailed."""
    async with deps.database.transaction(organization_id) as tx:
        expected.check(key_tag(await _find(tx, organization_id, key_id)))
        await api_keys.revoke(tx, organization_id, key_id)


def key_tag(key: ApiKey) -> str:
    """The version of a key as it is shown; each minute of use makes another."""
    return tag_of(key)


async def _find(tx: Tx, organization_id: str, key_id: str) -> ApiKey:
    found = await api_keys.find_key(tx, organization_id, key_id)
    if found is None:
        raise NotFound("no such key")
    return found


async def exchange(deps: Deps, text: str) -> str | None:
    """A token for the key's principal; None when it is unknown, expired or revoked."""
    if not shape.is_well_formed(text):
        return None
    digest = shape.digest(deps.pepper, text)
    # Whose key it is, only this look-up can tell.
    async with deps.database.transaction(ALL_TENANTS) as tx:
        key = await api_keys.find_live(tx, digest)
    if key is None:
        return None
    if key.is_stale:
        async with deps.database.transaction(key.organization_id) as tx:
            await api_keys.touch(tx, key.organization_id, key.id)
    return deps.tokens.issue(Principal(key.organization_id, key.id, frozenset(key.scopes)))
