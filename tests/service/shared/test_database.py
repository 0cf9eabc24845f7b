"""PostgreSQL away is NeighbourAway and nothing else; no statement runs for ever."""

import asyncio
import contextlib
import io
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import asyncpg
import pytest
import sqlalchemy as sa
import structlog

from services.embedded.servers import PostgresServer
from services.quota.service import SERVICE
from shared.contracts.envelope import Envelope
from shared.db import ALL_TENANTS, Database
from shared.db.engine import StatementFailed, open_database
from shared.errors import NeighbourAway
from tests.service.shared.conftest import HEARER, TELLER, Road, turn
from tests.support.world import migrate_all, resources_for

CANARY = "canary-4711"


async def ask(database: Database, statement: str = "SELECT 1", *, seconds: int = 5) -> object:
    async with database.transaction(ALL_TENANTS, seconds=seconds) as tx:
        return (await tx.execute(sa.text(statement))).scalar()


async def kill_backends(road: Road) -> int:
    rows = await road.sql(
        "SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename = $1",
        HEARER,
    )
    return len(rows)


async def test_a_killed_backend_is_a_neighbour_that_is_away_and_the_next_try_works(
    road: Road,
) -> None:
    database = road.process("p").database(HEARER)

    async def loses_its_backend() -> None:
        async with database.transaction(ALL_TENANTS) as tx:
            assert await kill_backends(road) == 1
            await tx.execute(sa.text("SELECT 1"))

    with pytest.raises(NeighbourAway):
        await loses_its_backend()
    assert await ask(database) == 1


async def test_a_backend_that_dies_before_the_commit_is_a_neighbour_that_is_away(
    road: Road,
) -> None:
    database = road.process("p").database(HEARER)

    async def loses_its_backend() -> None:
        async with database.transaction(ALL_TENANTS) as tx:
            await tx.execute(sa.text("INSERT INTO effect VALUES ('lost')"))
            assert await kill_backends(road) == 1

    with pytest.raises(NeighbourAway):
        await loses_its_backend()
    assert await road.effects() == []


@pytest.mark.parametrize("reason", [LookupError, asyncio.CancelledError])
async def test_why_a_block_ended_is_not_forgotten_when_its_backend_died_before(
    road: Road, reason: type[BaseException]
) -> None:
    """Whoever was cancelled must end, and whoever was refused must hear it."""
    database = road.process("p").database(HEARER)

    async def loses_its_backend() -> None:
        async with database.transaction(ALL_TENANTS):
            assert await kill_backends(road) == 1
            await asyncio.sleep(0.1)  # our side has seen it hang up
            raise reason

    with pytest.raises(reason):
        await loses_its_backend()
    assert await ask(database) == 1
    assert database.in_use() == 0


async def test_backends_that_died_in_the_pool_cost_one_try_each_at_most(road: Road) -> None:
    database = road.process("p").database(HEARER)
    await asyncio.gather(*(ask(database, "SELECT 1 FROM pg_sleep(0.1)") for _ in range(3)))
    assert await kill_backends(road) == 3
    failures = 0
    for _ in range(4):
        try:
            await ask(database)
        except NeighbourAway:
            failures += 1
    assert failures <= 3
    assert await ask(database) == 1


@asynccontextmanager
async def hiding_the_end(server: PostgresServer) -> AsyncIterator[str]:
    """A folder whose socket leads to the server, and does not tell when the server hangs up."""
    async with leading_to(server, asyncio.Event()) as folder:
        yield folder


@asynccontextmanager
async def leading_to(server: PostgresServer, silent: asyncio.Event) -> AsyncIterator[str]:
    """The same; and what it leads to says and hears nothing any more when it is `silent`."""

    async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(65_536):
            if not silent.is_set():
                target.write(data)

    async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_unix_connection(server.sockets / ".s.PGSQL.5432")
        back = asyncio.create_task(pump(theirs, writer))
        await pump(reader, ours)  # until our side hangs up
        back.cancel()
        writer.close()
        ours.close()

    with tempfile.TemporaryDirectory() as folder:
        async with await asyncio.start_unix_server(lead, f"{folder}/.s.PGSQL.5432"):
            yield folder


async def test_a_connection_that_only_said_farewell_is_a_neighbour_that_is_away(
    road: Road, postgres: PostgresServer
) -> None:
    """The server's last words and its hanging up are two things, and we may come between them."""
    async with hiding_the_end(postgres) as folder:
        url = road.database_url.replace(quote(str(postgres.sockets), safe="/"), folder)
        resources = resources_for(url, "redis://127.0.0.1:1")
        database = resources.database(HEARER)
        assert await ask(database) == 1
        assert await kill_backends(road) == 1
        await asyncio.sleep(0.2)
        with pytest.raises(NeighbourAway):
            await ask(database)
        assert await ask(database) == 1
        await resources.close()


async def test_a_server_that_stops_is_away_quickly_and_comes_back(tmp_path: Path) -> None:
    with PostgresServer(tmp_path / "postgres", fast=True) as server:
        await asyncio.to_thread(lambda: asyncio.run(migrate_all(server.url(), [SERVICE])))
        resources = resources_for(server.url(), "redis://127.0.0.1:1")
        database = resources.database("quota")
        assert await ask(database) == 1
        server.stop()
        began = time.monotonic()
        for _ in range(3):
            with pytest.raises(NeighbourAway):
                await ask(database)
        assert time.monotonic() - began < 2
        server.start()
        assert await ask(database) == 1
        await resources.close()


async def test_a_network_that_falls_silent_is_noticed(road: Road, postgres: PostgresServer) -> None:
    """Nobody hangs up and no statement ends: whoever waits must not wait for ever."""
    silent = asyncio.Event()
    async with leading_to(postgres, silent) as folder:
        url = road.database_url.replace(quote(str(postgres.sockets), safe="/"), folder)
        resources = resources_for(url, "redis://127.0.0.1:1")
        database = resources.database(HEARER)
        assert await ask(database) == 1
        silent.set()
        began = time.monotonic()
        with pytest.raises(NeighbourAway):
            await ask(database, seconds=1)
        assert time.monotonic() - began < 5
        silent.clear()
        assert await ask(database) == 1
        await resources.close()


async def test_who_gives_up_keeps_no_lock(road: Road) -> None:
    """The statement would run on, and everybody behind it would fail for its sake."""
    database = road.process("p").database(HEARER)

    async def holds_a_lock() -> None:
        async with database.transaction(ALL_TENANTS) as tx:
            await tx.execute(sa.text("SELECT pg_advisory_xact_lock(4711)"))
            await tx.execute(sa.text("SELECT pg_sleep(5)"))

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await holds_a_lock()
    assert await ask(database, "SELECT 1 FROM pg_advisory_xact_lock(4711)") == 1
    assert database.in_use() == 0


async def test_a_block_that_goes_on_after_a_failure_does_not_pass_for_committed(
    road: Road,
) -> None:
    database = road.process("p").database(HEARER)

    async def goes_on() -> None:
        async with database.transaction(ALL_TENANTS) as tx:
            await tx.execute(sa.text("INSERT INTO effect VALUES ('lost')"))
            with contextlib.suppress(StatementFailed):
                await tx.execute(sa.text("SELECT 1 / 0"))

    with pytest.raises(StatementFailed, match="nothing was committed"):
        await goes_on()
    assert await road.effects() == []
    assert await ask(database) == 1


@pytest.mark.parametrize("code", ["53100", "53300", "58030", "57P01", "25006", "40001", "40P01"])
async def test_a_server_in_trouble_is_a_neighbour_that_is_away(road: Road, code: str) -> None:
    """A full disk or a standby says nothing about the envelope: it must not end in quarantine."""
    raised = f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{code}'; END $$"
    with pytest.raises(NeighbourAway):
        await ask(road.process("p").database(HEARER), raised)


async def test_a_table_that_was_changed_meanwhile_costs_one_try(road: Road) -> None:
    database = road.process("p", database_connections=1).database(HEARER)
    await ask(database, "SELECT * FROM effect")
    await road.sql(f"ALTER TABLE {HEARER}.effect ADD COLUMN more text")
    with pytest.raises(NeighbourAway):
        await ask(database, "SELECT * FROM effect")
    assert await ask(database, "SELECT * FROM effect") is None


async def test_nobody_listens_there_is_a_neighbour_that_is_away() -> None:
    database = open_database("postgresql+asyncpg://quota:x@127.0.0.1:1/siyu", "quota")
    with pytest.raises(NeighbourAway):
        await ask(database)
    await database.close()


async def test_a_statement_ends_when_its_time_is_over_and_that_is_our_fault(road: Road) -> None:
    database = road.process("p").database(HEARER)
    began = time.monotonic()
    with pytest.raises(StatementFailed, match="statement timeout"):
        await ask(database, "SELECT 1 FROM pg_sleep(30)", seconds=1)
    assert 0.9 < time.monotonic() - began < 3
    assert await ask(database) == 1


WRONG: tuple[tuple[str, dict[str, object]], ...] = (
    ("SELECT 1 / 0", {}),
    ("SELECT nothing", {}),
    ("SELECT CAST('x' AS integer)", {}),
    ("INSERT INTO effect VALUES (NULL)", {}),
    ("SELECT * FROM open_platform.outbox", {}),
    ("SELECT CAST(:n AS integer)", {"n": 2**40}),
    ("SELECT CAST(:n AS integer)", {"n": "text"}),
    ("SELECT CAST(:t AS text)", {"t": "nul\0"}),
    ("SELECT CAST(:t AS text)", {"t": "\ud800"}),
)


async def test_what_is_wrong_with_a_statement_is_no_absence(road: Road) -> None:
    """Or a poisoned envelope would hold up its lane for ever."""
    database = road.process("p").database(HEARER)

    async def run(statement: str, values: dict[str, object]) -> None:
        async with database.transaction(ALL_TENANTS) as tx:
            await tx.execute(sa.text(statement), values)

    for statement, values in WRONG:
        with pytest.raises(StatementFailed):
            await run(statement, values)


async def test_a_full_pool_is_a_neighbour_that_is_away(road: Road) -> None:
    database = road.process("p", database_connections=1).database(HEARER)
    async with database.transaction(ALL_TENANTS):
        with pytest.raises(NeighbourAway):
            await ask(database)
    await database.close()


async def test_what_a_statement_was_given_is_in_no_log(road: Road) -> None:
    """A handler's failure is logged with what PostgreSQL said, which must not quote parameters."""
    written = io.StringIO()

    async def fails_in_sql(envelopes: list[Envelope]) -> None:
        async with road.process("hearer").database(HEARER).transaction(ALL_TENANTS) as tx:
            await tx.execute(sa.text("SELECT CAST(:x AS text), 1 / :y"), {"x": CANARY, "y": 0})

    relay = road.relay()
    await road.tell("bad")
    await relay.send_offered()
    before = structlog.get_config()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(written))
    try:
        await turn(road.lane(fails_in_sql))
    finally:
        structlog.configure(**before)
    assert "envelope_failed" in written.getvalue()
    assert "division by zero" in written.getvalue()
    assert CANARY not in written.getvalue()


async def test_an_error_does_not_quote_what_its_statement_was_given(road: Road) -> None:
    """Ticks, alarms and requests that fail are logged with the whole error."""
    with pytest.raises(StatementFailed) as raised:
        async with road.process("p").database(HEARER).transaction(ALL_TENANTS) as tx:
            await tx.execute(sa.text("SELECT CAST(:x AS text), 1 / :y"), {"x": CANARY, "y": 0})
    assert "division by zero" in str(raised.value)
    assert CANARY not in str(raised.value)


_MISFITS = (
    "SELECT CAST(:x AS uuid)",
    "SELECT CAST(:x AS text[])",
    "SELECT CAST(CAST(:x AS text) AS integer)",
    "SELECT CAST(CAST(:x AS text) AS timestamptz)",
    "SELECT CAST(:x AS jsonb)",
)


@pytest.mark.parametrize("statement", _MISFITS)
async def test_nor_does_one_about_a_value_that_does_not_fit(road: Road, statement: str) -> None:
    database = road.process("p").database(HEARER)

    async def write(value: str) -> None:
        async with database.transaction(ALL_TENANTS) as tx:
            await tx.execute(sa.text(statement), {"x": value})

    for value in (CANARY, f"{CANARY}\ud800"):
        with pytest.raises(StatementFailed) as raised:
            await write(value)
        assert str(raised.value).startswith(("invalid ", "a value "))
        assert CANARY not in str(raised.value)


async def test_events_of_a_transaction_wait_for_its_commit(road: Road) -> None:
    offered: list[int] = []
    database = road.process("p").database(TELLER)
    database.after_commit = lambda deliveries: offered.append(len(deliveries))
    await ask(database)
    assert offered == [], "nothing was published"
    await road.tell("one", "two", process="p")
    assert offered == [2]


@pytest.mark.parametrize(
    "mistake",
    [FileNotFoundError("no such file"), TimeoutError(), asyncpg.InterfaceError("misused")],
)
async def test_what_a_block_raises_is_its_own_and_not_that_postgresql_is_away(
    road: Road, mistake: Exception
) -> None:
    """A lane waits for a neighbour for ever: a mistake that looked like one would stop it for good."""
    database = road.process("p").database(HEARER)

    async def makes_a_mistake() -> None:
        async with database.transaction(ALL_TENANTS) as tx:
            await tx.execute(sa.text("INSERT INTO effect VALUES ('lost')"))
            raise mistake

    with pytest.raises(type(mistake)) as raised:
        await makes_a_mistake()
    assert raised.value is mistake
    assert await road.effects() == []
    assert database.in_use() == 0


async def test_a_driver_that_is_misused_is_a_statement_that_failed(road: Road) -> None:
    database = road.process("p").database(HEARER)

    async def asks_twice_at_once() -> None:
        async with database.transaction(ALL_TENANTS) as tx:
            sleep = sa.text("SELECT pg_sleep(0.1)")
            await asyncio.gather(tx.execute(sleep), tx.execute(sleep))

    with pytest.raises(StatementFailed, match="in progress"):
        await asks_twice_at_once()
    assert await ask(database) == 1
