"""Batches as one JSON parameter: one statement writes any number of rows, in their order."""

# ruff: noqa: S608  statements are put together from constants only

from collections.abc import Iterable, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from shared.db import Row

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped


def recordset(table: sa.Table, *names: str) -> str:
    """`json_to_recordset` of the parameter :rows, with the columns of `table` (or only `names`)."""
    columns = ", ".join(
        f'"{c.name}" {c.type.compile(_DIALECT)}' for c in table.c if not names or c.name in names
    )
    return f"json_to_recordset(CAST(:rows AS json)) AS r({columns})"


def insert(table: sa.Table, ending: str = "", **computed: str) -> sa.TextClause:
    """An INSERT of :rows into all columns of `table`; `computed` are expressions over the row r."""
    names = ", ".join(f'"{c.name}"' for c in table.c)
    chosen = ", ".join(computed.get(c.name, f'r."{c.name}"') for c in table.c)
    return sa.text(
        f"INSERT INTO {table.name} ({names}) SELECT {chosen} FROM {recordset(table)} {ending}"
    )


def as_rows(found: Iterable[Any]) -> dict[str, str]:
    """The parameter: dataclasses or mappings; times, enums and tuples are written as they are."""
    return {"rows": orjson.dumps(list(found)).decode()}


def columns(found: Sequence[tuple[Any, ...]], names: str) -> dict[str, list[Any]]:
    """Rows turned into one array a column, as `unnest` wants them."""
    keys = names.split()
    turned = list(zip(*found, strict=True)) or [()] * len(keys)
    return {key: list(column) for key, column in zip(keys, turned, strict=True)}


def read(kind: type[Any], row: Row) -> Any:
    """The dataclass whose fields have the names of the row's columns."""
    if not is_dataclass(kind):
        raise TypeError(kind)
    return kind(**{f.name: row[f.name] for f in fields(kind)})
