"""Transactions of one service: the only place that begins, commits and names a tenant."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, cast

import asyncpg
import sqlalchemy as sa
from sqlalchemy import QueuePool
from sqlalchemy.engine.interfaces import AdaptedConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from shared.contracts.envelope import Envelope
from shared.contracts.routing import ROUTES
from shared.errors import NeighbourAway
from shared.failpoints import failpoint

ALL_TENANTS = "*"  # what a worker may see: its batches mix tenants

_BEGIN = sa.text(
    "SELECT siyu.business_now(), set_config('app.tenant', :tenant, true),"
    " set_config('statement_timeout', :timeout, true)"
)
_PUBLISH = sa.text(
    "INSERT INTO outbox (id, hearer, lane, envelope)"
    " SELECT * FROM unnest(CAST(:ids AS text[]), CAST(:hearers AS text[]), CAST(:lanes AS text[]),"
    " CAST(:envelopes AS bytea[]))"
)
_LOST = (
    OSError,
    sa.exc.InterfaceError,
    sa.exc.TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    # somebody else was in the way for too long: no fault of what was to be done
    asyncpg.LockNotAvailableError,
    asyncpg.DeadlockDetectedError,
)


class Delivery:
    """One outbox row: an envelope for one hearer."""

    __slots__ = ("envelope", "hearer", "id", "lane")

    def __init__(self, id_: str, hearer: str, lane: str, envelope: bytes) -> None:
        self.id, self.hearer, self.lane, self.envelope = id_, hearer, lane, envelope


class Tx:
    """An open transaction. `now` is the business time (UTC) at which it began."""

    def __init__(self, connection: AsyncConnection, now: datetime) -> None:
        self.connection = connection
        self.now = now
        self.outgoing: list[Delivery] = []

    async def execute(
        self,
        statement: sa.Executable,
        parameters: dict[str, Any] | Sequence[dict[str, Any]] | None = None,
    ) -> sa.CursorResult[*tuple[Any, ...]]:
        """Run one statement of `store`."""
        return await self.connection.execute(statement, parameters)

    def publish(self, envelope: Envelope) -> None:
        """Let the world know, if and only if this transaction commits."""
        raw = envelope.dump()
        self.outgoing += [
            Delivery(envelope.id, h.service, h.lane, raw) for h in ROUTES[envelope.type]
        ]


class Database:
    """The schema of one service. Raises NeighbourAway when PostgreSQL is away."""

    def __init__(self, engine: AsyncEngine, schema: str) -> None:
        self.engine = engine
        self.schema = schema
        self.after_commit: Callable[[list[Delivery]], None] = lambda _: None

    @asynccontextmanager
    async def transaction(self, tenant: str, *, seconds: int = 5) -> AsyncIterator[Tx]:
        """One transaction as `tenant` (an organisation id, or ALL_TENANTS in workers).

        It commits where the block ends. Events published in it are stored with it and offered to
        the carrier after it. No statement runs longer than `seconds`.
        """
        try:
            async with self.engine.begin() as connection:
                begun = await connection.execute(
                    _BEGIN, {"tenant": tenant, "timeout": f"{seconds}s"}
                )
                tx = Tx(connection, begun.one()[0])
                yield tx
                if tx.outgoing:
                    await connection.execute(
                        _PUBLISH,
                        {
                            "ids": [d.id for d in tx.outgoing],
                            "hearers": [d.hearer for d in tx.outgoing],
                            "lanes": [d.lane for d in tx.outgoing],
                            "envelopes": [d.envelope for d in tx.outgoing],
                        },
                    )
                await failpoint(f"{self.schema}.before_commit")
        except _LOST as lost:
            raise NeighbourAway("PostgreSQL is away", neighbour="postgresql") from lost
        except sa.exc.DBAPIError as error:
            if error.connection_invalidated or isinstance(
                error.orig and error.orig.__cause__, _LOST
            ):
                raise NeighbourAway("PostgreSQL is away", neighbour="postgresql") from error
            raise
        await failpoint(f"{self.schema}.after_commit")
        if tx.outgoing:
            self.after_commit(tx.outgoing)

    def in_use(self) -> int:
        """How many connections are lent."""
        return cast("QueuePool", self.engine.pool).checkedout()

    async def close(self) -> None:
        """Give all connections back."""
        await self.engine.dispose()


# Services find rows by key. A planner without statistics yet (a new table, a fresh month) scans instead
# and stays wrong until the next ANALYZE: 130 ms for a batch that takes 2. Reports may SET LOCAL otherwise.
_KEY_LOOKUPS = {
    "jit": "off",
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_bitmapscan": "off",
    "join_collapse_limit": "1",  # tables are joined in the order written: keys first
}


def open_database(url: str, service: str, *, pool: int = 5, overflow: int = 5) -> Database:
    """The database of `service` at `url` (`postgresql+asyncpg://…`), not connected yet."""
    engine = create_async_engine(
        url,
        pool_size=pool,
        max_overflow=overflow,
        pool_timeout=2,
        hide_parameters=True,  # errors are logged, and parameters are what people wrote
        connect_args={
            "timeout": 2,
            "server_settings": {
                "application_name": f"siyu-{service}",
                "search_path": service,
                "lock_timeout": "2s",
                "idle_in_transaction_session_timeout": "10s",
                "timezone": "UTC",
                **_KEY_LOOKUPS,
            },
        },
    )
    sa.event.listen(engine.sync_engine, "invalidate", _hang_up)
    return Database(engine, service)


def _hang_up(connection: AdaptedConnection, *_: object) -> None:
    """Drop a connection that is given up; SQLAlchemy would wait two seconds for a polite farewell.

    Whoever gave up had a deadline, and a server that hangs says no farewell.
    """
    connection.driver_connection.terminate()
