"""Schemas, roles and migrations of every service, run by `siyu migrate` as the database's owner.

Each service has one schema and one role of the same name; the role owns nothing, so row-level
security holds for it. Grants and tenant policies are derived from the metadata after each upgrade,
so that no migration can forget them.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import sqlalchemy as sa
from alembic import command, context
from alembic.config import Config
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from shared.db.engine import ALL_TENANTS, Database, StatementFailed

_BOOTSTRAP = """
CREATE SCHEMA IF NOT EXISTS siyu;
CREATE TABLE IF NOT EXISTS siyu.clock (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    ahead interval NOT NULL DEFAULT '0'
);
INSERT INTO siyu.clock DEFAULT VALUES ON CONFLICT DO NOTHING;
CREATE OR REPLACE FUNCTION siyu.business_now() RETURNS timestamptz LANGUAGE sql STABLE
    AS 'SELECT now() + ahead FROM siyu.clock';
CREATE TABLE IF NOT EXISTS siyu.heartbeat (
    instance text PRIMARY KEY,
    process text NOT NULL,
    beat_at timestamptz NOT NULL
);
GRANT USAGE ON SCHEMA siyu TO PUBLIC;
GRANT SELECT ON siyu.clock TO PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON siyu.heartbeat TO PUBLIC;
"""
CLOCK_STANDS = "moves_in_embedded_mode_only"
_LET_CLOCK_STAND = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_constraint WHERE conname = 'moves_in_embedded_mode_only') THEN
        ALTER TABLE siyu.clock ADD COLUMN movable boolean NOT NULL DEFAULT false;
        UPDATE siyu.clock SET movable = true WHERE ahead <> '0';
        ALTER TABLE siyu.clock ADD CONSTRAINT moves_in_embedded_mode_only
            CHECK (movable OR ahead = '0');
    END IF;
END $$
"""


_NAMED = re.compile(r'^(down_)?revision\b[^=]*= "(\w+)"', re.MULTILINE)
_REVISION = sa.text("SELECT version_num FROM alembic_version")


def _folder(service: str) -> Path:
    return Path(__file__).resolve().parents[2] / "services" / service / "migrations"


def _alembic(service: str, metadata: sa.MetaData, connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_folder(service)))
    config.attributes.update(connection=connection, metadata=metadata)
    return config


def run_env() -> None:
    """What each service's `migrations/env.py` calls."""
    attributes = context.config.attributes
    metadata: sa.MetaData = attributes["metadata"]
    context.configure(
        connection=attributes["connection"],
        target_metadata=metadata,
        include_schemas=True,
        include_name=lambda name, kind, _: kind != "schema" or name == metadata.schema,
        version_table_schema=metadata.schema,
        compare_server_default=False,
    )
    with context.begin_transaction():
        context.run_migrations()


# A table that was never analysed looks as if every column had 200 values. Then a planner takes the
# tenant, which leads every primary key, for a good way to find a row, and reads the whole tenant.
# (The number of rows is left unknown: a new table is then taken for ten pages, not for none.)
_NEVER_ANALYSED = sa.text(
    "SELECT 1 FROM pg_class WHERE oid = CAST(:name AS regclass) AND reltuples < 0"
)
_PLANT_FEW = sa.text(
    "SELECT pg_restore_attribute_stats('schemaname', CAST(:schema AS text), 'relname', CAST(:table AS text),"
    " 'attname', CAST(:column AS text), 'inherited', false, 'null_frac', CAST(0 AS real),"
    " 'avg_width', 20, 'n_distinct', CAST(1 AS real))"
)
_FEW_VALUES = {"organization_id", "account_id", "hearer", "lane", "state", "entry", "direction"}
_STATISTICS_SINCE = (18, 0)  # an older server learns with its first ANALYZE


def _plant_statistics(connection: Connection, table: sa.Table) -> None:
    """Tell the planner which columns of a new table have few values, until ANALYZE knows better."""
    place = {"schema": table.schema, "table": table.name}
    if (
        connection.execute(_NEVER_ANALYSED, {"name": f"{table.schema}.{table.name}"}).first()
        is None
    ):
        return
    if (connection.dialect.server_version_info or (0,)) < _STATISTICS_SINCE:
        return
    for column in _FEW_VALUES & set(table.c.keys()):
        connection.execute(_PLANT_FEW, {**place, "column": column})


def _secure(connection: Connection, metadata: sa.MetaData) -> None:
    """Grants to the service's role; row-level security on every table of a tenant."""
    schema = metadata.schema
    connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA {schema} TO {schema}")
    connection.exec_driver_sql(f"GRANT SELECT ON {schema}.alembic_version TO {schema}")
    for table in metadata.sorted_tables:
        name = f"{schema}.{table.name}"
        connection.exec_driver_sql(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {name} TO {schema}")
        _plant_statistics(connection, table)
        if "organization_id" not in table.c:
            continue
        connection.exec_driver_sql(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
        connection.exec_driver_sql(f"DROP POLICY IF EXISTS tenant ON {name}")
        connection.exec_driver_sql(
            f"CREATE POLICY tenant ON {name} TO {schema} USING ("
            f"(SELECT current_setting('app.tenant', true)) = '*'"
            f" OR organization_id = (SELECT current_setting('app.tenant', true)))"
        )
    sequences = f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {schema}"
    connection.exec_driver_sql(sequences)


def _upgrade(connection: Connection, service: str, metadata: sa.MetaData, password: str) -> None:
    for statement in filter(str.strip, _BOOTSTRAP.split(";\n")):
        connection.exec_driver_sql(statement)
    connection.exec_driver_sql(_LET_CLOCK_STAND)
    exists = connection.execute(
        sa.text("SELECT 1 FROM pg_roles WHERE rolname = :r"), {"r": service}
    ).first()
    quoted = password.replace("'", "''")
    verb = "ALTER" if exists else "CREATE"
    connection.exec_driver_sql(f"{verb} ROLE {service} LOGIN PASSWORD '{quoted}'")
    connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {service}")
    connection.exec_driver_sql("SET LOCAL lock_timeout = '5s'")
    command.upgrade(_alembic(service, metadata, connection), "head")


@asynccontextmanager
async def _upgraded(
    owner_url: str, service: str, metadata: sa.MetaData, password: str
) -> AsyncIterator[AsyncConnection]:
    engine = create_async_engine(owner_url, poolclass=NullPool)
    async with engine.begin() as connection:
        # one migration at a time: the bootstrap belongs to all services
        await connection.execute(sa.text("SELECT pg_advisory_xact_lock(7461)"))
        await connection.run_sync(_upgrade, service, metadata, password)
        yield connection
    await engine.dispose()


async def missing_revision(database: Database) -> str | None:
    """The revision that this code needs and the schema has not reached. One ahead of us misses nothing."""
    # read, not imported: a revision may need the context of a migration even to be imported
    files = (_folder(database.schema) / "versions").glob("*.py")
    named = [found for file in files for found in _NAMED.findall(file.read_text("utf-8"))]
    known = {revision for is_down, revision in named if not is_down}
    heads = known - {revision for is_down, revision in named if is_down}
    found: set[str] = set()
    with suppress(StatementFailed):  # never migrated
        async with database.transaction(ALL_TENANTS) as tx:
            found = {row[0] for row in await tx.execute(_REVISION)}
    return max(heads) if found <= known and not heads <= found else None


async def migrate(owner_url: str, service: str, metadata: sa.MetaData, password: str) -> None:
    """Bring the schema of `service` to the newest version; run again, it changes nothing."""
    async with _upgraded(owner_url, service, metadata, password) as connection:
        await connection.run_sync(_secure, metadata)


async def let_clock_move(owner_url: str) -> None:
    """Allow this database's business clock to be moved: for embedded mode and tests, and nobody else."""
    engine = create_async_engine(owner_url, poolclass=NullPool)
    async with engine.begin() as connection:
        await connection.exec_driver_sql("UPDATE siyu.clock SET movable = true WHERE NOT movable")
    await engine.dispose()


async def check(owner_url: str, service: str, metadata: sa.MetaData, password: str) -> None:
    """Raise when the migrations do not produce exactly `metadata` (`alembic check`)."""
    async with _upgraded(owner_url, service, metadata, password) as connection:
        await connection.run_sync(lambda c: command.check(_alembic(service, metadata, c)))


async def new_revision(
    owner_url: str, service: str, metadata: sa.MetaData, password: str, message: str
) -> None:
    """Write a migration file from the difference between the migrations so far and `metadata`."""
    async with _upgraded(owner_url, service, metadata, password) as connection:
        await connection.run_sync(
            lambda c: command.revision(
                _alembic(service, metadata, c), message=message, autogenerate=True
            )
        )
