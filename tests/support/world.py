"""A world of real services over a real PostgreSQL and Valkey, its workers turned by hand."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import httpx2
from pydantic import SecretStr

from shared.contracts.envelope import Envelope
from shared.contracts.routing import ROUTES
from shared.db import ALL_TENANTS
from shared.db.engine import Delivery
from shared.db.migrations import let_clock_move, migrate
from shared.http.principal import Principal
from shared.runtime import Api, Resources, Service
from shared.runtime.apis import ByRoute, build_apis, running_apis
from shared.runtime.worker import Running, assemble, drain
from shared.settings import ProcessSettings

MASTER_KEY = "0123456789abcdef0123456789abcdef-tests"
ALL_SCOPES = frozenset(
    [
        "dm:read",
        "dm:send",
        "dm:manage",
        "push:read",
        "push:send",
        "group:read",
        "group:moderate",
        "redpacket:issue",
        "lottery:draw",
        "fans:read",
        "fans:export",
        "lead:manage",
        "lead:pii",
        "quota:read",
        "insight:read",
        "webhook:manage",
        "account:manage",
        "isv_app:manage",
        "operations:manage",
    ]
)


def resources_for(database_url: str, redis_url: str, **changed: Any) -> Resources:
    """Resources of a test process."""
    settings = ProcessSettings(
        database_url=SecretStr(database_url),
        redis_url=SecretStr(redis_url),
        master_key=SecretStr(MASTER_KEY),
        embedded=True,
        **changed,
    )
    return Resources(settings, "test")


async def migrate_all(owner_url: str, services: Sequence[Service]) -> None:
    """Every service's schema."""
    resources = resources_for(owner_url, "redis://127.0.0.1:1")
    for service in services:
        await migrate(
            owner_url, service.name, service.metadata, resources.role_password(service.name)
        )
    await let_clock_move(owner_url)
    await resources.close()


@dataclass
class World:
    """Some services, running; `drain` carries their events until nothing moves."""

    resources: Resources
    services: Sequence[Service]
    apis: list[Api]
    parts: list[Running]
    http: httpx2.AsyncClient
    owner_url: str
    _clients: list[httpx2.AsyncClient] = field(default_factory=list)

    async def drain(self) -> None:
        """Relay, handle, acknowledge, until nothing moves."""
        await drain(self.parts)

    def caller(self, organization_id: str, scopes: frozenset[str] = ALL_SCOPES) -> dict[str, str]:
        """Headers of a caller of that organisation."""
        token = self.resources.tokens.issue(Principal(organization_id, "key_test", scopes))
        return {"Authorization": f"Bearer {token}"}

    def internal(self) -> dict[str, str]:
        """Headers of one of our own services."""
        return {"Authorization": f"Bearer {self.resources.tokens.issue_internal('test')}"}

    async def sql(self, statement: str, *args: Any) -> list[Any]:
        """Look into the database, as its owner: for assertions only."""
        connection = await asyncpg.connect(self.owner_url.replace("+asyncpg", ""))
        try:
            return list(await connection.fetch(statement, *args))
        finally:
            await connection.close()

    async def advance(self, by: timedelta) -> None:
        """Move the business clock, as `siyu clock advance` does."""
        await self.sql("UPDATE siyu.clock SET ahead = ahead + $1", by)

    async def set_clock(self, at: datetime) -> None:
        """Let the business clock show `at` now."""
        await self.sql("UPDATE siyu.clock SET ahead = $1 - now()", at)

    async def now(self) -> datetime:
        """The business time."""
        async with self.resources.database(self.services[0].name).transaction(ALL_TENANTS) as tx:
            return tx.now

    async def deliver(self, hearer: str, *envelopes: Envelope) -> None:
        """Put events on the streams that `hearer` reads, as some relay would, and let it work."""
        lanes = {kind: h.lane for kind, hs in ROUTES.items() for h in hs if h.service == hearer}
        await self.resources.streams.send(
            [Delivery(e.id, hearer, lanes[e.type], e.dump()) for e in envelopes]
        )
        await self.drain()

    async def outbox_types(self, service: str) -> list[str]:
        """Types of the service's unacknowledged events, oldest first."""
        rows = await self.sql(f"SELECT envelope FROM {service}.outbox ORDER BY created_at, id")
        return [re.search(r'"type":"([^"]+)"', bytes(r[0]).decode()).group(1) for r in rows]  # type: ignore[union-attr]


@asynccontextmanager
async def open_world(
    owner_url: str, redis_url: str, services: Sequence[Service], **changed: Any
) -> AsyncIterator[World]:
    """APIs with their lifespans entered, workers assembled but not running."""
    resources = resources_for(owner_url, redis_url, **changed)
    apis = build_apis(services, resources)
    parts = [assemble(service, resources) for service in services]
    transport = httpx2.ASGITransport(app=ByRoute(apis), raise_app_exceptions=False)
    async with (
        running_apis(apis),
        httpx2.AsyncClient(transport=transport, base_url="http://siyu") as http,
    ):
        world = World(resources, services, apis, parts, http, owner_url)
        await world.drain()
        try:
            yield world
        finally:
            await resources.close()
