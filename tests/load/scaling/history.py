"""P12: the same load over a short and a long history.

The history is made by copying what a real run wrote, with ids of its own: every table that a message
passes grows as it would in use.
"""

import asyncio
import tempfile
from pathlib import Path

import asyncpg
import sqlalchemy as sa

from services.embedded.services import BY_NAME
from tests.load.figures import Result, at_least, figure
from tests.load.path import Load, ride
from tests.load.scaling import RULES, Scale
from tests.load.system import Layout, System, Void, separate_processes

_MESSAGES = 2  # stored for each that a fan writes
_TEMPLATE = 1_000  # messages of fans, the run that is copied
_AT_ONCE = 20  # copies of all of them in one statement
# Tables that a message passes, and none that is only a setting.
_GROWING = {
    "douyin": ("inbound", "attempt", "inbox"),
    "direct_messages": ("conversation", "message", "decision", "operation", "inbox"),
    "quota": ("bucket", "reservation", "ledger", "inbox"),
}
# Parts of keys that name no row, and would say something else with a number behind them.
_STAYS = {"organization_id", "account_id", "client_key", "event", "limit_key", "slot", "entry"}
_COUNT = "SELECT count(*) FROM direct_messages.message"


def history(scale: Scale) -> list[Result]:
    """Rate with ten thousand stored messages, with many, and what is left of it."""
    with (
        tempfile.TemporaryDirectory() as folder,
        separate_processes(Path(folder), Layout(rules=RULES)) as system,
    ):
        template = min(_TEMPLATE, max(scale.stored // _MESSAGES // 2, 1))
        ride(system, Load("template", template))
        copies = max(scale.stored // _MESSAGES // template, 1)
        asyncio.run(_keep_template(system))
        asyncio.run(_grow(system, 1, min(copies, 10_000 // _MESSAGES // template or 1)))
        short = _stored(system)
        few = [_rate(system, Load(f"few{run}", scale.messages)) for run in range(scale.runs)]
        asyncio.run(_grow(system, 10_000 // _MESSAGES // template + 1, copies))
        stored = _stored(system)
        if stored < scale.stored:
            raise Void(f"{stored} of {scale.stored} messages lie there")
        ride(system, Load("again", scale.messages // 5))
        many = [_rate(system, Load(f"many{run}", scale.messages)) for run in range(scale.runs)]
    kept = [after / before for after, before in zip(many, few, strict=True)]
    return [
        figure(f"P12 DM end to end, {short:,} messages stored", "DM/s", few),
        figure(f"P12 DM end to end, {stored:,} messages stored", "DM/s", many),
        figure(f"P12 what is left of it at {stored:,}", "×", kept, at_least(0.85)),
    ]


def _rate(system: System, load: Load) -> float:
    return load.messages / ride(system, load).reply_seconds


def _stored(system: System) -> int:
    return int(system.sql(_COUNT)[0][0])


async def _keep_template(system: System) -> None:
    """Put what the first run wrote aside, since later runs write, too."""
    connection = await asyncpg.connect(system.database_url.replace("+asyncpg", ""))
    try:
        await connection.execute("CREATE SCHEMA template")
        for table in _tables():
            kept = f"template.{table.schema}_{table.name}"
            await connection.execute(f"CREATE TABLE {kept} AS TABLE {table.schema}.{table.name}")
    finally:
        await connection.close()


def _tables() -> list[sa.Table]:
    return [
        BY_NAME[schema].metadata.tables[f"{schema}.{name}"]
        for schema, names in _GROWING.items()
        for name in names
    ]


async def _grow(system: System, first: int, last: int) -> None:
    connection = await asyncpg.connect(system.database_url.replace("+asyncpg", ""))
    try:
        await connection.execute("SET synchronous_commit = off")
        for start in range(first, last + 1, _AT_ONCE):
            until = min(start + _AT_ONCE - 1, last)
            for table in _tables():
                await connection.execute(_copying(table), start, until, timeout=600)
        await connection.execute("ANALYZE")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


def _copying(table: sa.Table) -> str:
    """The template's rows once for each number, every id of theirs with that number behind it."""
    ids = _ids(table)
    names, values = [], []
    for column in table.columns:
        if column.identity is not None:
            continue
        name = f'"{column.name}"'
        names.append(name)
        values.append(f"{name} || '~' || g" if column.name in ids else name)
    return (
        f"INSERT INTO {table.schema}.{table.name} ({', '.join(names)})"
        f" SELECT {', '.join(values)} FROM template.{table.schema}_{table.name}"
        " CROSS JOIN generate_series($1::int, $2::int) g"
    )


def _ids(table: sa.Table) -> set[str]:
    """Text columns in which a row of its own has another value: keys, and what points to them."""
    keys = [*table.primary_key, *(c for i in table.indexes for c in i.columns)]
    keys += [
        c
        for constraint in table.constraints
        if isinstance(constraint, sa.UniqueConstraint)
        for c in constraint.columns
    ]
    texts = {c.name for c in keys if isinstance(c.type, sa.Text)}
    return texts - _STAYS
