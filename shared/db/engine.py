"""Transactions of one service: the only place that begins, commits and names a tenant."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any, ClassVar, NamedTuple, NoReturn

import asyncpg
import sqlalchemy as sa

from shared.contracts.envelope import Envelope
from shared.contracts.routing import ROUTES
from shared.db.statements import Row, Rows, prepare, ready
from shared.errors import NeighbourAway
from shared.failpoints import failpoint

ALL_TENANTS = "*"  # what a worker may see: its batches mix tenants

_BEGIN = (
    "SELECT siyu.business_now(), set_config('app.tenant', $1, true),"
    " set_config('statement_timeout', $2, true)"
)
_PUBLISH = (
    "INSERT INTO outbox (id, hearer, lane, envelope)"
    " SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[])"
)
_WAIT_SECONDS = 2  # for a free connection, and for a new one
_ANSWER_SECONDS = 3  # for word that a statement's time is over: a silent network gives none
_TROUBLE = (
    OSError,
    ValueError,  # how the driver refuses values
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresError,
)
_LOST = (
    OSError,  # TimeoutError is one: no connection became free, no answer came
    asyncpg.InternalClientError,  # the server's farewell was read, its hanging up not yet
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.DiskFullError,
    asyncpg.PostgresIOError,
    asyncpg.ReadOnlySQLTransactionError,  # this server became a standby
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InvalidCachedStatementError,  # a migration came between; the next try prepares it anew
    # somebody else was in the way for too long: no fault of what was to be done
    asyncpg.LockNotAvailableError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
)
_QUOTED = re.compile(r"[:\"'].*", re.DOTALL)


class StatementFailed(Exception):
    """PostgreSQL refused a statement: why, and never with which values; errors end in logs."""

    quotes_nothing: ClassVar[bool] = True


class Conflict(StatementFailed):
    """A constraint refused what was to be written. `constraint` is its name."""

    def __init__(self, reason: str, constraint: str | None) -> None:
        super().__init__(reason)
        self.constraint = constraint


class Delivery(NamedTuple):
    """One outbox row: an envelope for one hearer. `is_late`: what is new goes before it."""

    id: str
    hearer: str
    lane: str
    envelope: bytes
    is_late: bool = False


class Tx:
    """An open transaction. `now` is the business time (UTC) at which it began."""

    def __init__(
        self,
        connection: asyncpg.Connection,
        now: datetime,
        wait: float,
        note: Callable[[str], None],
    ) -> None:
        self.now = now
        self.outgoing: list[Delivery] = []
        self._connection, self._wait, self._note = connection, wait, note

    async def execute(
        self, statement: sa.Executable, values: Mapping[str, Any] | None = None
    ) -> Rows:
        """Run one statement of `store`; what it returned. Raises StatementFailed, Conflict."""
        made = ready(statement)
        self._note(made.sql)
        try:
            arguments = made.arguments(values)
            return Rows(await self._connection.fetch(made.sql, *arguments, timeout=self._wait))
        except _TROUBLE as error:
            _refuse(error, self._connection)

    async def change(
        self, statement: sa.Executable, values: Mapping[str, Any] | None = None
    ) -> int:
        """Run one statement that returns nothing; how many rows it touched. Raises as `execute`."""
        made = ready(statement)
        self._note(made.sql)
        try:
            arguments = made.arguments(values)
            status = await self._connection.execute(made.sql, *arguments, timeout=self._wait)
        except _TROUBLE as error:
            _refuse(error, self._connection)
        return int(status.rpartition(" ")[2])  # "DELETE 3"

    def publish(self, envelope: Envelope) -> None:
        """Let the world know, if and only if this transaction commits."""
        raw = envelope.dump()
        self.outgoing += [
            Delivery(envelope.id, h.service, h.lane, raw, is_late=envelope.is_late)
            for h in ROUTES[envelope.type]
        ]


def _refuse(error: Exception, connection: asyncpg.Connection | None) -> NoReturn:
    """Say what the driver's trouble means: PostgreSQL is away, or a statement failed."""
    if _is_away(error, connection):
        raise NeighbourAway("PostgreSQL is away", neighbour="postgresql") from error
    if isinstance(error, asyncpg.IntegrityConstraintViolationError):
        raise Conflict(error.args[0], error.constraint_name) from None
    if isinstance(error, asyncpg.DataError):  # quotes what did not fit behind what is wrong with it
        raise StatementFailed(_QUOTED.sub("", error.args[0])) from None
    if isinstance(error, ValueError):  # asyncpg would quote it
        raise StatementFailed("a value does not fit its column") from None
    raise StatementFailed(error.args[0]) from None


def _is_away(error: Exception, connection: asyncpg.Connection | None) -> bool:
    if isinstance(error, ValueError):
        return False
    if isinstance(error, asyncpg.InterfaceError):  # also how the driver refuses to be misused
        return connection is None or _is_closed(connection)
    return isinstance(error, _LOST)


def _is_closed(connection: asyncpg.Connection) -> bool:
    try:
        return bool(connection.is_closed())
    except asyncpg.InterfaceError:  # the server hung up, and the pool has let it go already
        return True


class Database:
    """The schema of one service. Raises NeighbourAway when PostgreSQL is away."""

    def __init__(self, pool: Callable[[], asyncpg.Pool], schema: str) -> None:
        self.schema = schema
        self.after_commit: Callable[[list[Delivery]], None] = lambda _: None
        self.on_statement: Callable[[str], None] = lambda _: None
        self._make_pool = pool
        self._pool: asyncpg.Pool | None = None
        self._opening = asyncio.Lock()

    @asynccontextmanager
    async def transaction(self, tenant: str, *, seconds: int = 5) -> AsyncIterator[Tx]:
        """One transaction as `tenant` (an organisation id, or ALL_TENANTS in workers).

        It commits where the block ends. Events published in it are stored with it and offered to
        the carrier after it. No statement runs longer than `seconds`. Raises StatementFailed when the
        block went on after a failed statement: nothing of it can be kept.
        """
        wait = seconds + _ANSWER_SECONDS
        async with self._connection() as connection:
            try:
                await connection.execute("BEGIN", timeout=wait)
                begun = await connection.fetchrow(_BEGIN, tenant, f"{seconds}s", timeout=wait)
            except _TROUBLE as error:
                _refuse(error, connection)
            tx = Tx(connection, begun[0], wait, self.on_statement)
            yield tx  # what the block raises is its own: only the driver's trouble is PostgreSQL's
            try:
                if tx.outgoing:
                    await connection.execute(_PUBLISH, *_columns(tx.outgoing), timeout=wait)
                await failpoint(f"{self.schema}.before_commit")
                ended = await connection.execute("COMMIT", timeout=wait)
            except _TROUBLE as error:
                _refuse(error, connection)
            if ended != "COMMIT":
                raise StatementFailed("a statement had failed: nothing was committed")
        await failpoint(f"{self.schema}.after_commit")
        if tx.outgoing:
            self.after_commit(tx.outgoing)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection that is given back without an open transaction, or hung up."""
        try:
            pool = self._pool or await self._open()
            connection = await pool.acquire(timeout=_WAIT_SECONDS)
        except _TROUBLE as error:
            _refuse(error, None)
        try:
            yield connection
        except BaseException as error:
            await _give_up(connection, error)
            raise
        finally:
            await pool.release(connection)

    async def _open(self) -> asyncpg.Pool:
        async with self._opening:
            if self._pool is None:
                self._pool = await self._make_pool()
        return self._pool

    def in_use(self) -> int:
        """How many connections are lent."""
        return self._pool.get_size() - self._pool.get_idle_size() if self._pool else 0

    async def close(self) -> None:
        """Give all connections back."""
        if self._pool is None:
            return
        try:
            async with asyncio.timeout(_WAIT_SECONDS):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()


async def _give_up(connection: asyncpg.Connection, error: BaseException) -> None:
    """End the transaction; hang up where the server may not answer any more."""
    gone = OSError | asyncpg.InterfaceError | asyncpg.InternalClientError
    if isinstance(error, asyncio.CancelledError) or isinstance(error.__cause__, gone):
        _hang_up(connection)  # whoever gave up had a deadline
        return
    try:
        await connection.execute("ROLLBACK", timeout=_WAIT_SECONDS)
    except (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError, asyncpg.PostgresError):
        _hang_up(connection)


def _hang_up(connection: asyncpg.Connection) -> None:
    with suppress(asyncpg.InterfaceError):  # the server was quicker: it is out of the pool already
        connection.terminate()


def _columns(outgoing: list[Delivery]) -> tuple[list[Any], ...]:
    names = ("id", "hearer", "lane", "envelope")
    return tuple([getattr(d, name) for d in outgoing] for name in names)


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


def open_database(url: str, service: str, *, connections: int = 10) -> Database:
    """The database of `service` at `url` (`postgresql+asyncpg://…`), not connected yet."""

    def pool() -> asyncpg.Pool:
        return asyncpg.create_pool(
            url.replace("+asyncpg", "", 1),
            min_size=0,
            max_size=connections,
            timeout=_WAIT_SECONDS,
            init=prepare,
            reset=_nothing_to_reset,
            record_class=Row,
            server_settings={
                "application_name": f"siyu-{service}",
                "search_path": service,
                "lock_timeout": "2s",
                "idle_in_transaction_session_timeout": "10s",
                # whoever gave up hung up: what was running for it must not keep its locks
                "client_connection_check_interval": "1s",
                "timezone": "UTC",
                **_KEY_LOOKUPS,
            },
        )

    return Database(pool, service)


async def _nothing_to_reset(_: asyncpg.Connection) -> None:
    """Settings of a transaction end with it, and nothing else is ever set: no round trip for it."""
