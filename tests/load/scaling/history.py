"""P12: the same load over a short and a long history.

The history is made by copying what a real run wrote, with ids of its own: every table that grew by it,
so that none is forgotten.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import sqlalchemy as sa

from services.embedded.services import BY_NAME, SERVICES
from tests.load.figures import Result, at_least, figure
from tests.load.path import Load, ride
from tests.load.scaling import RULES, Scale
from tests.load.scaling.disk import used
from tests.load.system import Layout, System, Void, separate_processes

_MESSAGES = 2  # stored for each that a fan writes
_TEMPLATE = 1_000  # messages of fans, the run that is copied
_SHORT = 10_000  # messages of the short history
_AT_ONCE = 20  # copies of all of them in one statement
_CONNECTIONS = 2
# Parts of keys that name no row, and would say something else with a number behind them.
_STAYS = {
    *("organization_id", "account_id", "client_key", "event", "limit_key", "slot", "entry"),
    "measure",
}
# A day later the clocks of people who were not needed have run out, as in any history.
_RUN_OUT = """
UPDATE template.direct_messages_response_clock
SET told = 'escalated', is_met = false, due_at = NULL, cancelled_at = close_at
WHERE answered_at IS NULL AND cancelled_at IS NULL
"""
_COUNT = "SELECT count(*) FROM direct_messages.message"


def history(scale: Scale) -> list[Result]:
    """Rate with ten thousand stored messages, with many, what is left of it, and what lies there."""
    with (
        tempfile.TemporaryDirectory() as folder,
        separate_processes(Path(folder), Layout(rules=RULES)) as system,
    ):
        template = min(_TEMPLATE, max(scale.stored // _MESSAGES // 2, 1))
        empty = _counts(system)
        ride(system, Load("template", template))
        past = Past(system, grown(empty, _counts(system), template))
        copies = max(scale.stored // _MESSAGES // template, 1)
        short = min(copies, max(_SHORT // _MESSAGES // template, 1))
        asyncio.run(past.keep())
        asyncio.run(past.grow(1, short))
        few_stored = _stored(system)
        few = [_rate(system, Load(f"few{run}", scale.messages)) for run in range(scale.runs)]
        stored, lying = _stored(system), used(system, Path(folder))
        asyncio.run(past.grow(short + 1, copies))
        stored, lying = _stored(system) - stored, used(system, Path(folder)) - lying
        if (many_stored := _stored(system)) < scale.stored:
            raise Void(f"{many_stored} of {scale.stored} messages lie there")
        ride(system, Load("again", scale.messages // 5))
        many = [_rate(system, Load(f"many{run}", scale.messages)) for run in range(scale.runs)]
    kept = [after / before for after, before in zip(many, few, strict=True)]
    return [
        figure(f"P12 DM end to end, {few_stored:,} messages stored", "DM/s", few),
        figure(f"P12 DM end to end, {many_stored:,} messages stored", "DM/s", many),
        figure(f"P12 what is left of it at {many_stored:,}", "×", kept, at_least(0.85)),
        figure(f"P12 disk of a message at {many_stored:,}", "kB", [lying / max(stored, 1) / 1e3]),
    ]


def _rate(system: System, load: Load) -> float:
    return load.messages / ride(system, load).reply_seconds


def _stored(system: System) -> int:
    return int(system.sql(_COUNT)[0][0])


def _counts(system: System) -> dict[str, int]:
    """Rows of every table of every service."""
    tables = [name for s in SERVICES for name in s.metadata.tables]
    each = ", ".join(f"(SELECT count(*) FROM {name})" for name in tables)
    return dict(zip(tables, map(int, system.sql(f"SELECT {each}")[0]), strict=True))


def grown(before: dict[str, int], after: dict[str, int], messages: int) -> list[str]:
    """The tables that every message passes. Raises Void when one is unclear."""
    more = {name: after[name] - before[name] for name in before if after[name] != before[name]}
    # one row for many messages says nothing of how it grows
    if unclear := [name for name, rows in more.items() if messages // 2 < rows < messages]:
        raise Void(f"it is unclear whether these tables grow with messages: {unclear}")
    return [name for name, rows in more.items() if rows >= messages]


@dataclass(frozen=True, slots=True)
class Past:
    """What a run wrote, to be copied."""

    system: System
    tables: list[str]
    rows: dict[str, int] = field(default_factory=dict)  # put aside, of each table

    async def keep(self) -> None:
        """Put it aside, since later runs write, too."""
        async with self._connection() as connection:
            await connection.execute("CREATE SCHEMA template")
            for name in self.tables:
                done = await connection.execute(f"CREATE TABLE {_kept(name)} AS TABLE {name}")
                self.rows[name] = _rows_of(done)
            await connection.execute(_RUN_OUT)

    async def grow(self, first: int, last: int) -> None:
        """Add the copies of these numbers, and leave everything as vacuum does in use. Raises Void."""
        for start in range(first, last + 1, _AT_ONCE):
            waiting, numbers = list(self.rows), (start, min(start + _AT_ONCE - 1, last))
            await asyncio.gather(*(self._copy(waiting, numbers) for _ in range(_CONNECTIONS)))
        async with self._connection() as connection:
            await connection.execute("ANALYZE")
            await connection.execute("CHECKPOINT")

    async def _copy(self, waiting: list[str], numbers: tuple[int, int]) -> None:
        async with self._connection() as connection:
            await connection.execute("SET synchronous_commit = off")
            while waiting:
                name = waiting.pop()
                done = await connection.execute(_copying(_table(name)), *numbers)
                due = (numbers[1] - numbers[0] + 1) * self.rows[name]
                if _rows_of(done) != due:
                    raise Void(f"{done} where {due} rows were due in {name}")
                # while they are in memory: later it would read and write everything once more
                await connection.execute(f"VACUUM {name}")

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncpg.Connection]:
        connection = await asyncpg.connect(self.system.database_url.replace("+asyncpg", ""))
        try:
            yield connection
        finally:
            await connection.close()


def _rows_of(done: str) -> int:
    return int(done.rpartition(" ")[2])


def _table(name: str) -> sa.Table:
    return BY_NAME[name.partition(".")[0]].metadata.tables[name]


def _kept(name: str) -> str:
    return f"template.{name.replace('.', '_')}"


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
        f"INSERT INTO {table.fullname} ({', '.join(names)})"
        f" SELECT {', '.join(values)} FROM {_kept(table.fullname)}"
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
