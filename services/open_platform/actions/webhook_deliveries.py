"""What endpoints are told: written down with the event, shown, tested, and sent again on demand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from services.open_platform.actions.deps import Deps
from services.open_platform.actions.webhook_endpoints import found_one
from services.open_platform.domain.catalogue import CATALOGUE, TEST, content
from services.open_platform.domain.deliveries import Delivery, Try
from services.open_platform.domain.webhooks import Endpoint, EndpointState
from services.open_platform.store import webhook_deliveries as store
from services.open_platform.store import webhook_endpoints
from shared import ids, inbox
from shared.contracts.envelope import Envelope
from shared.db import ALL_TENANTS, Database, Tx
from shared.errors import Conflict, NotFound
from shared.http.idempotency import EACH_TIME, Once
from shared.times import written

_PURGES = 50  # a tick has 20 seconds


@dataclass(frozen=True, slots=True)
class Told:
    """A delivery, what it says, and how it was tried."""

    delivery: Delivery
    payload: dict[str, Any]
    tries: list[Try]


async def hear(deps: Deps, envelopes: Sequence[Envelope]) -> None:
    """Let every endpoint that wants to hear of these be told."""
    async with deps.database.transaction(ALL_TENANTS) as tx:
        fresh = await inbox.take(tx, envelopes)
        await spread(tx, [envelope for envelope in envelopes if envelope.id in fresh])


async def spread(tx: Tx, envelopes: Sequence[Envelope]) -> None:
    """Write a delivery for each endpoint that subscribed to one of these."""
    found = await store.subscriptions(tx, {envelope.organization_id for envelope in envelopes})
    new = [
        store.NewDelivery(
            organization_id,
            ids.new("whd"),
            endpoint_id,
            envelope.account_id,
            envelope.id,
            CATALOGUE[envelope.type].type,
            _body(envelope),
        )
        for envelope in envelopes
        for organization_id, endpoint_id, types in found
        if organization_id == envelope.organization_id and CATALOGUE[envelope.type].type in types
    ]
    if new:
        await store.insert_deliveries(tx, new)


async def send_test(
    deps: Deps, organization_id: str, endpoint_id: str, once: Once[Delivery] = EACH_TIME
) -> Delivery:
    """Send the endpoint something that it needs not act upon. Raises NotFound, Conflict, Replayed."""
    async with deps.database.transaction(organization_id) as tx:
        await once.begin(tx, organization_id)
        endpoint = found_one(
            await webhook_endpoints.find_endpoint(tx, organization_id, endpoint_id)
        )
        _must_be_enabled(endpoint)
        event_id, data = ids.new("evt"), {"endpoint_id": endpoint_id}
        (made,) = await store.insert_deliveries(
            tx,
            [
                store.NewDelivery(
                    organization_id,
                    ids.new("whd"),
                    *(endpoint_id, "", event_id, TEST),
                    _encoded(TEST, tx.now, data),
                )
            ],
        )
        await once.keep(tx, organization_id, made)
    return made


async def send_again(
    deps: Deps, organization_id: str, delivery_id: str, once: Once[Delivery] = EACH_TIME
) -> Delivery:
    """Let it be tried now, under the same id. Raises NotFound, Conflict, Replayed."""
    async with deps.database.transaction(organization_id) as tx:
        await once.begin(tx, organization_id)
        found = await store.send_again(tx, organization_id, delivery_id)
        if found is None:
            raise NotFound("no such webhook delivery")
        endpoint = await webhook_endpoints.find_endpoint(tx, organization_id, found.endpoint_id)
        if endpoint is None:
            raise Conflict("its endpoint was deleted")
        _must_be_enabled(endpoint)
        await once.keep(tx, organization_id, found)
    return found


async def list_deliveries(
    deps: Deps, organization_id: str, before: str, most: int, which: Mapping[str, str | None]
) -> list[Delivery]:
    """Deliveries before the id `before`, the newest first; of one `endpoint`, of one `state`."""
    async with deps.database.transaction(organization_id) as tx:
        return await store.list_deliveries(tx, organization_id, before, most, which)


async def get_delivery(deps: Deps, organization_id: str, delivery_id: str) -> Told:
    """The delivery with its tries. Raises NotFound."""
    async with deps.database.transaction(organization_id) as tx:
        found = await store.find_delivery(tx, organization_id, delivery_id)
        if found is None:
            raise NotFound("no such webhook delivery")
        tries = await store.tries_of(tx, organization_id, delivery_id)
    return Told(found[0], orjson.loads(found[1]), tries)


async def forget(database: Database, kept: timedelta) -> None:
    """Delete what is older, and endpoints that nothing shows any more."""
    for _ in range(_PURGES):
        async with database.transaction(ALL_TENANTS) as tx:
            gone = await store.forget(tx, kept)
        if not gone:
            break
    async with database.transaction(ALL_TENANTS) as tx:
        await webhook_endpoints.forget_deleted(tx)


def _must_be_enabled(endpoint: Endpoint) -> None:
    if endpoint.state is not EndpointState.ENABLED:
        raise Conflict("the endpoint is disabled: enable it first")


def _body(envelope: Envelope) -> bytes:
    entry = CATALOGUE[envelope.type]
    facts = {name: _shown(name, envelope.data.get(name)) for name in entry.facts}
    data = content(entry, envelope.account_id, envelope.cause, facts)
    return _encoded(entry.type, envelope.occurred_at, data)


def _shown(name: str, fact: Any) -> Any:  # Any: JSON
    """The fact; a time in the one form that we write."""
    if isinstance(fact, dict):
        return {part: _shown(part, value) for part, value in fact.items()}
    is_time = isinstance(fact, str) and name.endswith(("_at", "_until"))
    return written(datetime.fromisoformat(fact)) if is_time else fact


def _encoded(event_type: str, at: datetime, data: Mapping[str, Any]) -> bytes:
    return orjson.dumps({"type": event_type, "timestamp": written(at), "data": data})
