"""The schema is ready for more than one machine: tenant first in every key, and cut by account.

docs/scaling.md says how it is laid out; here PostgreSQL itself is asked whether it could be.
"""

import asyncpg
import pytest
import sqlalchemy as sa

from tests.service.conftest import NAMES, service

TABLES = [table for name in NAMES for table in service(name).metadata.sorted_tables]
# Every service and every node of it has its own: envelopes on their way, of whatever tenant.
CARRYING = {"outbox", "inbox", "quarantine"}
# The same for all tenants: a copy on every node.
FOR_ALL = {"open_platform.platform_policy"}
# Over all accounts of an organization: one person, what its agents are shown, what its tools are told.
OF_ORGANIZATIONS = {
    *("fans.lead", "fans.lead_event", "direct_messages.live_update"),
    "open_platform.webhook_delivery",
}
# Found before it is known whose they are. A row for each key, app and binding: they are not cut.
FOUND_FROM_OUTSIDE = {
    ("open_platform.api_key", ("digest",)),
    ("douyin.app", ("client_key",)),
    ("douyin.binding", ("client_key", "open_id")),
}
# An account belongs to one organization, so its id alone finds the place as well.
BY_ACCOUNT_ALONE = {("quota.reservation", ("account_id", "operation_id"))}
NOT_CUT = {table for table, _ in FOUND_FROM_OUTSIDE} | OF_ORGANIZATIONS

OF_TENANTS = [t for t in TABLES if t.name not in CARRYING and t.fullname not in FOR_ALL]
OF_ACCOUNTS = [t for t in OF_TENANTS if "account_id" in t.c and t.fullname not in NOT_CUT]


def keys(table: sa.Table) -> set[tuple[str, ...]]:
    """The columns of the primary key and of everything else that is unique."""
    found = {tuple(c.name for c in table.primary_key)}
    found |= {tuple(c.name for c in index.columns) for index in table.indexes if index.unique}
    unique = [c for c in table.constraints if isinstance(c, sa.UniqueConstraint)]
    return found | {tuple(column.name for column in constraint.columns) for constraint in unique}


@pytest.mark.parametrize("table", OF_TENANTS, ids=str)
def test_every_key_begins_with_the_tenant(table: sa.Table) -> None:
    first = ["organization_id"]
    if "account_id" in table.c and table.fullname not in OF_ORGANIZATIONS:
        first.append("account_id")
    excused = FOUND_FROM_OUTSIDE | BY_ACCOUNT_ALONE
    wrong = {
        key
        for key in keys(table)
        if list(key[: len(first)]) != first and (table.fullname, key) not in excused
    }
    assert not wrong


def test_every_excuse_is_still_needed() -> None:
    there = {(table.fullname, key) for table in TABLES for key in keys(table)}
    assert there >= FOUND_FROM_OUTSIDE | BY_ACCOUNT_ALONE


async def cut(database_url: str, table: str, column: str) -> None:
    """Let PostgreSQL make a copy of the table, partitioned, with everything unique that it has."""
    connection = await asyncpg.connect(database_url.replace("+asyncpg", ""))
    try:
        await connection.execute(
            f"CREATE TABLE public.cut (LIKE {table} INCLUDING ALL) PARTITION BY HASH ({column})"
        )
    finally:
        await connection.close()


@pytest.mark.parametrize("table", OF_ACCOUNTS, ids=str)
async def test_a_table_of_accounts_can_be_cut_by_account(
    table: sa.Table, database_url: str
) -> None:
    await cut(database_url, table.fullname, "account_id")


@pytest.mark.parametrize("table", sorted(OF_ORGANIZATIONS))
async def test_a_table_of_organizations_can_be_cut_by_organization(
    table: str, database_url: str
) -> None:
    await cut(database_url, table, "organization_id")


async def test_what_is_found_from_outside_cannot_be_cut(database_url: str) -> None:
    with pytest.raises(asyncpg.FeatureNotSupportedError):
        await cut(database_url, "douyin.binding", "account_id")


def test_what_grows_is_among_what_can_be_cut() -> None:
    growing = {"douyin.inbound", "douyin.attempt", "direct_messages.message", "quota.ledger"}
    assert growing <= {table.fullname for table in OF_ACCOUNTS}
