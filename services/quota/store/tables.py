"""Tables of the quota service."""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from shared.db import spine_metadata

metadata = spine_metadata("quota")
_TIME = sa.DateTime(timezone=True)


def _tenant() -> tuple[sa.Column[str], sa.Column[str]]:
    return sa.Column("organization_id", sa.Text, primary_key=True), sa.Column(
        "account_id", sa.Text, primary_key=True
    )


policies = sa.Table(
    "policy",  # our copy of what open_platform published
    metadata,
    *_tenant(),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("values", JSONB, nullable=False),
)
fan_facts = sa.Table(
    "fan_fact",
    metadata,
    *_tenant(),
    sa.Column("open_id", sa.Text, primary_key=True),
    sa.Column("follows", sa.Boolean, nullable=False),
    sa.Column("observed_at", _TIME, nullable=False),
)
buckets = sa.Table(
    "bucket",
    metadata,
    *_tenant(),
    sa.Column("limit_key", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("slot", sa.Text, primary_key=True),
    sa.Column("window_id", sa.Text, nullable=False),
    sa.Column("window_start", _TIME, nullable=False),
    sa.Column("window_end", _TIME),
    sa.Column("cap", sa.Integer),
    sa.Column("used", sa.Integer, nullable=False),
    sa.Column("held", sa.Integer, nullable=False),
    sa.Column("closed", sa.Text),
    sa.CheckConstraint(
        "used >= 0 AND held >= 0 AND (cap IS NULL OR used + held <= cap)", name="within_cap"
    ),
)
ONE_OPERATION = "uq_reservation_operation"
reservations = sa.Table(
    "reservation",
    metadata,
    *_tenant(),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("operation_id", sa.Text, nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("items", sa.Integer, nullable=False),
    sa.Column("open_items", sa.Integer, nullable=False),
    sa.Column("committed", sa.Integer, nullable=False, server_default="0"),
    sa.Column("cause", sa.Text, nullable=False),
    sa.Column("lease_until", _TIME, nullable=False),
    sa.Column("created_at", _TIME, nullable=False, server_default=sa.text("now()")),
    # An operation whose hold was released entirely may ask anew. Led by the account alone, so that a
    # planner without statistics cannot mistake the primary key's prefix for a way to find an operation.
    sa.Index(
        ONE_OPERATION,
        "account_id",
        "operation_id",
        unique=True,
        postgresql_where=sa.text("open_items > 0 OR committed > 0"),
    ),
    sa.Index("ix_reservation_overdue", "lease_until", postgresql_where=sa.text("open_items > 0")),
)
ledger = sa.Table(
    "ledger",  # append-only: what was held, committed, released
    metadata,
    *_tenant(),
    sa.Column("reservation_id", sa.Text, primary_key=True),
    sa.Column("limit_key", sa.Text, primary_key=True),
    sa.Column("item", sa.SmallInteger, primary_key=True),
    sa.Column("entry", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("slot", sa.Text, nullable=False),
    sa.Column("window_id", sa.Text, nullable=False),
    sa.Column("units", sa.Integer, nullable=False),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("at", _TIME, nullable=False),  # business time
    sa.CheckConstraint("entry IN ('held', 'committed', 'released')", name="entry"),
    # not led by the tenant: without statistics a planner would take it for lookups by reservation
    sa.Index("ix_ledger_window", "subject", "limit_key", "window_id"),
)


Account = tuple[str, str]  # organization id, account id
Fan = tuple[str, str, str]  # organization id, account id, open id


def columns(rows: Iterable[tuple[Any, ...]], names: str) -> dict[str, list[Any]]:
    """Rows turned into one array a column, as `unnest` wants them."""
    keys = names.split()
    columns = list(zip(*rows, strict=True)) or [()] * len(keys)
    return {key: list(column) for key, column in zip(keys, columns, strict=True)}
