"""Alembic's entry: everything is in shared.db."""

from shared.db.migrations import run_env

run_env()
