"""How PostgreSQL would find the rows of a statement, whatever its values."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import sqlalchemy as sa

from shared.db import ALL_TENANTS, Database
from shared.db.statements import ready


class Look(NamedTuple):
    """A scan of a table `by` an index; `condition` is what that is asked for. Both are '' without one."""

    table: str
    condition: str
    by: str


async def looks(database: Database, statement: sa.Executable) -> list[Look]:
    """Every scan of a table in the generic plan of the statement."""
    sql = ready(statement).sql
    unknown = ", ".join(["NULL"] * len(set(re.findall(r"\$\d+", sql))))
    execute = f"EXECUTE looked_at({unknown})" if unknown else "EXECUTE looked_at"
    async with database.transaction(ALL_TENANTS) as tx:
        await tx.execute(sa.text(f"PREPARE looked_at AS {sql}".replace(":", "\\:")))
        rows = await tx.execute(sa.text(f"EXPLAIN (FORMAT JSON) {execute}"))
        await tx.execute(sa.text("DEALLOCATE looked_at"))
    return [
        Look(
            node["Relation Name"],
            node.get("Index Cond") or node.get("TID Cond") or "",
            node.get("Index Name", ""),
        )
        for node in _nodes(rows.scalar()[0]["Plan"])
        if "Relation Name" in node and node["Node Type"].endswith("Scan")
    ]


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for below in node.get("Plans", ()):
        yield from _nodes(below)


def many(schema: str, table: str, *varied: str, count: int = 5000) -> str:
    """SQL that fills a table with copies of the row that it has, these columns varied."""
    changes = ", ".join(f"'{column}', t.{column}||'_'||n" for column in varied)
    return (
        f"INSERT INTO {schema}.{table} SELECT (jsonb_populate_record(NULL::{schema}.{table},"
        f" to_jsonb(t) || jsonb_build_object({changes}))).*"
        f" FROM (SELECT * FROM {schema}.{table} LIMIT 1) t, generate_series(1, {count}) n"
    )
