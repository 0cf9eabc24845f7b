"""PostgreSQL for every service: engine, transactions, the spine's tables, migrations."""

from shared.db.engine import ALL_TENANTS, Conflict, Database, StatementFailed, Tx
from shared.db.statements import Row
from shared.db.tables import spine_metadata

__all__ = [
    "ALL_TENANTS",
    "Conflict",
    "Database",
    "Row",
    "StatementFailed",
    "Tx",
    "spine_metadata",
]
