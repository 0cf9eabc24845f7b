"""Where an organization wants to be told what happens: endpoints, and the secrets that sign for them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from services.open_platform.actions.deps import Deps
from services.open_platform.domain.destinations import fault_of
from services.open_platform.domain.webhooks import (
    ENDPOINTS_MAX,
    SECRET_BYTES,
    DisabledReason,
    Endpoint,
    EndpointState,
    spelled_secret,
)
from services.open_platform.store import accounts
from services.open_platform.store import webhook_endpoints as store
from shared import ids
from shared.db import Tx
from shared.errors import Conflict, Invalid, NotFound
from shared.http.idempotency import EACH_TIME, Once
from shared.http.versions import UNCONDITIONAL, Precondition, etag

Shown = tuple[Endpoint, str]  # an endpoint and its new secret


@dataclass(frozen=True, slots=True)
class EndpointChange:
    """What a caller wants to be different; None leaves it as it is."""

    url: str | None = None
    description: str | None = None
    event_types: Sequence[str] | None = None
    enabled: bool | None = None


async def create_endpoint(
    deps: Deps, organization_id: str, new: EndpointChange, once: Once[Shown] = EACH_TIME
) -> Shown:
    """A new endpoint and its secret, which nobody can see again.

    Raises Invalid, NotFound, Conflict, Replayed.
    """
    url = new.url or ""
    _check(deps, url)
    async with deps.database.transaction(organization_id) as tx:
        await once.begin(tx, organization_id)
        # two at once must not both be the last one that there is room for
        if await accounts.lock_organization(tx, organization_id) is None:
            raise NotFound("no such organization")
        if await store.count_endpoints(tx, organization_id) >= ENDPOINTS_MAX:
            raise Conflict(f"an organization has at most {ENDPOINTS_MAX} webhook endpoints")
        secret, endpoint_id = spelled_secret(ids.chance(SECRET_BYTES)), ids.new("whe")
        made = await store.insert_endpoint(
            tx,
            store.NewEndpoint(
                organization_id,
                endpoint_id,
                url,
                new.description or "",
                sorted(new.event_types or ()),
                deps.sealer.seal_secret(secret_place(organization_id, endpoint_id), secret),
            ),
        )
        await once.keep(tx, organization_id, (made, secret))
    return made, secret


async def list_endpoints(deps: Deps, organization_id: str, after: str, most: int) -> list[Endpoint]:
    """Endpoints behind the id `after`, oldest first."""
    async with deps.database.transaction(organization_id) as tx:
        return await store.list_endpoints(tx, organization_id, after, most)


async def get_endpoint(deps: Deps, organization_id: str, endpoint_id: str) -> Endpoint:
    """The endpoint. Raises NotFound."""
    async with deps.database.transaction(organization_id) as tx:
        return found_one(await store.find_endpoint(tx, organization_id, endpoint_id))


async def change_endpoint(
    deps: Deps,
    organization_id: str,
    endpoint_id: str,
    change: EndpointChange,
    expected: Precondition = UNCONDITIONAL,
) -> Endpoint:
    """Change it if it is still as the caller saw it; enabled again, what waited for it is sent.

    Raises Invalid, NotFound, PreconditionFailed.
    """
    if change.url is not None:
        _check(deps, change.url)
    async with deps.database.transaction(organization_id) as tx:
        found = await _locked(tx, organization_id, endpoint_id, expected)
        wanted = _with(found, change)
        return found if wanted == found else await store.save_endpoint(tx, wanted)


async def delete_endpoint(
    deps: Deps, organization_id: str, endpoint_id: str, expected: Precondition = UNCONDITIONAL
) -> None:
    """Send nothing there any more, and forget its secrets. Raises NotFound, PreconditionFailed."""
    async with deps.database.transaction(organization_id) as tx:
        await _locked(tx, organization_id, endpoint_id, expected)
        await store.delete_endpoint(tx, organization_id, endpoint_id)


async def rotate_secret(
    deps: Deps,
    organization_id: str,
    endpoint_id: str,
    overlap: timedelta,
    once: Once[Shown] = EACH_TIME,
) -> Shown:
    """A new secret, shown once; the old one signs beside it for `overlap`. Raises NotFound, Replayed."""
    secret = spelled_secret(ids.chance(SECRET_BYTES))
    place = secret_place(organization_id, endpoint_id)
    earlier = secret_place(organization_id, endpoint_id, "previous_secret")
    async with deps.database.transaction(organization_id) as tx:
        await once.begin(tx, organization_id)
        found = await _locked(tx, organization_id, endpoint_id, UNCONDITIONAL)
        before = deps.sealer.open(
            place, await store.sealed_secret(tx, organization_id, endpoint_id)
        )
        sealed = deps.sealer.seal_secret(place, secret)
        previous = deps.sealer.seal_secret(earlier, before)
        rotated = await store.rotate_secret(tx, found, sealed, previous, overlap)
        await once.keep(tx, organization_id, (rotated, secret))
    return rotated, secret


def secret_place(organization_id: str, endpoint_id: str, column: str = "secret") -> str:
    """Where a secret is kept: sealed for this place, it opens at no other."""
    return f"{organization_id}|webhook_endpoint|{column}|{endpoint_id}"


def found_one(endpoint: Endpoint | None) -> Endpoint:
    """The endpoint that must be there. Raises NotFound."""
    if endpoint is None:
        raise NotFound("no such webhook endpoint")
    return endpoint


async def _locked(
    tx: Tx, organization_id: str, endpoint_id: str, expected: Precondition
) -> Endpoint:
    found = found_one(await store.lock_endpoint(tx, organization_id, endpoint_id))
    expected.check(etag(found.row_version))
    return found


def _check(deps: Deps, url: str) -> None:
    fault = fault_of(url, is_private_allowed=deps.is_private_allowed)
    if fault is not None:
        raise Invalid(f"the URL {fault}", pointer="#/url")


def _with(found: Endpoint, change: EndpointChange) -> Endpoint:
    wanted = replace(
        found,
        url=found.url if change.url is None else change.url,
        description=found.description if change.description is None else change.description,
        event_types=found.event_types
        if change.event_types is None
        else tuple(sorted(change.event_types)),
    )
    if change.enabled is None or change.enabled is (found.state is EndpointState.ENABLED):
        return wanted
    if change.enabled:
        return replace(
            wanted, state=EndpointState.ENABLED, disabled_reason=None, failing_since=None
        )
    return replace(wanted, state=EndpointState.DISABLED, disabled_reason=DisabledReason.BY_OWNER)
