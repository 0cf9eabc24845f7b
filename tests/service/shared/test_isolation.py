"""No tenant's row and no other service's table is reachable, whatever the SQL forgets."""

import itertools
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa

from services.embedded.servers.cluster import SUPERUSER
from shared.db import ALL_TENANTS, StatementFailed
from shared.runtime import Resources
from tests.service.conftest import NAMES, service
from tests.support.world import resources_for

TABLES = [(n, t) for n in NAMES for t in service(n).metadata.sorted_tables]
OF_TENANTS = [(n, t) for n, t in TABLES if "organization_id" in t.c]
_VALUES = {
    "str": "'x'",
    "int": "1",
    "float": "1",
    "bool": "true",
    "datetime": "now()",
    "date": "current_date",
    "bytes": "'x'::bytea",
    "timedelta": "'1 s'::interval",
    "dict": "'{}'::jsonb",
}
_LOOSEN = """
DO $$ DECLARE r record; BEGIN
  FOR r IN SELECT conrelid::regclass AS t, conname FROM pg_constraint
    WHERE contype IN ('c', 'f', 'u') AND conrelid <> 0 AND connamespace = ANY($s$%s$s$::regnamespace[])
  LOOP EXECUTE format('ALTER TABLE %%s DROP CONSTRAINT %%I', r.t, r.conname); END LOOP;
  FOR r IN SELECT indexrelid::regclass AS i FROM pg_index JOIN pg_class c ON c.oid = indrelid
    WHERE indisunique AND NOT indisprimary AND relnamespace = ANY($s$%s$s$::regnamespace[])
  LOOP EXECUTE format('DROP INDEX %%s', r.i); END LOOP;
END $$
"""


def insert(table: sa.Table, organization: str) -> str:
    """One row of that tenant, with any value in every column that needs one."""
    values = {"organization_id": f"'{organization}'"}
    for column in table.columns:
        if column.name not in values and not column.nullable and column.identity is None:
            values[column.name] = _VALUES.get(column.type.python_type.__name__, "'{}'")
    return f"INSERT INTO {table.fullname} ({', '.join(quoted(values))}) VALUES ({', '.join(values.values())})"


def loosened() -> str:
    """SQL that drops every constraint but the primary keys: any value will do then."""
    schemas = "{" + ",".join(NAMES) + "}"
    return _LOOSEN % (schemas, schemas)


def quoted(names: Any) -> list[str]:
    return [f'"{name}"' for name in names]


@pytest.fixture
async def resources(database_url: str) -> AsyncIterator[Resources]:
    made = resources_for(database_url, "redis://127.0.0.1:1")
    yield made
    await made.close()


@pytest.fixture
async def owner(database_url: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(database_url.replace("+asyncpg", ""))
    yield connection
    await connection.close()


async def seen(resources: Resources, name: str, tenant: str, table: sa.Table) -> set[str]:
    """Whose rows of the table the tenant sees."""
    async with resources.database(name).transaction(tenant) as tx:
        found = await tx.execute(sa.text(f"SELECT organization_id FROM {table.fullname}"))
        return {row[0] for row in found}


async def test_every_tenant_sees_its_own_rows_of_every_table_and_no_others(
    resources: Resources, owner: Any
) -> None:
    await owner.execute(loosened())
    for name, table in OF_TENANTS:
        for organization in ("org_1", "org_2"):
            await owner.execute(insert(table, organization))
        assert await seen(resources, name, "org_1", table) == {"org_1"}, table.fullname
        assert await seen(resources, name, "org_3", table) == set(), table.fullname
        assert await seen(resources, name, "", table) == set(), table.fullname
        assert await seen(resources, name, ALL_TENANTS, table) == {"org_1", "org_2"}
    assert {name for name, _ in OF_TENANTS} == set(NAMES), "each service was looked at"


async def test_no_tenant_changes_or_makes_rows_of_another(resources: Resources, owner: Any) -> None:
    await owner.execute(loosened())
    for name, table in OF_TENANTS:
        await owner.execute(insert(table, "org_1"))
        async with resources.database(name).transaction("org_2") as tx:
            for verb in (
                f"UPDATE {table.fullname} SET organization_id = 'org_2'",
                f"DELETE FROM {table.fullname}",
            ):
                assert await tx.change(sa.text(verb)) == 0, verb
        with pytest.raises(StatementFailed, match="row-level security"):
            async with resources.database(name).transaction("org_2") as tx:
                await tx.execute(sa.text(insert(table, "org_3")))
        assert await seen(resources, name, ALL_TENANTS, table) == {"org_1"}, table.fullname


async def test_every_table_that_has_a_tenant_has_its_policy(owner: Any) -> None:
    """From the catalogue, so that a table outside the metadata is not overlooked."""
    rows = await owner.fetch(
        "SELECT c.table_schema || '.' || c.table_name, p.relrowsecurity FROM"
        " information_schema.columns c JOIN pg_class p ON p.oid ="
        " format('%I.%I', c.table_schema, c.table_name)::regclass AND p.relkind IN ('r', 'p')"
        " WHERE c.column_name = 'organization_id' AND c.table_schema = ANY($1)",
        list(NAMES),
    )
    assert {row[0] for row in rows} == {table.fullname for _, table in OF_TENANTS}
    assert [row[0] for row in rows if not row[1]] == []


async def test_a_role_reads_no_schema_but_its_own(resources: Resources, owner: Any) -> None:
    for reader, (name, table) in itertools.product(NAMES, TABLES):
        database = resources.database(reader)
        statement = sa.text(f"SELECT 1 FROM {table.fullname} LIMIT 1")
        if reader == name:
            async with database.transaction(ALL_TENANTS) as tx:
                await tx.execute(statement)
            continue
        with pytest.raises(StatementFailed, match="permission denied for schema"):
            async with database.transaction(ALL_TENANTS) as tx:
                await tx.execute(statement)


async def test_no_role_stands_above_the_rules(owner: Any) -> None:
    rows = await owner.fetch(
        "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb,"
        " EXISTS (SELECT FROM pg_class WHERE relowner = r.oid) FROM pg_roles r"
        " WHERE rolname = ANY($1)",
        list(NAMES),
    )
    assert {row[0] for row in rows} == set(NAMES)
    assert [row for row in rows if any(row[1:])] == []


async def test_no_role_makes_tables_or_moves_the_clock(resources: Resources) -> None:
    for name, statement in itertools.product(
        NAMES,
        (
            "CREATE TABLE mine (x int)",
            "UPDATE siyu.clock SET ahead = '1 day'",
            f"SET ROLE {SUPERUSER}",
        ),
    ):
        with pytest.raises(StatementFailed, match="permission denied"):
            async with resources.database(name).transaction(ALL_TENANTS) as tx:
                await tx.execute(sa.text(statement))
