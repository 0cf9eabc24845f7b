"""PostgreSQL for every service: engine, transactions, the spine's tables, migrations."""

from shared.db.engine import ALL_TENANTS, Database, Tx
from shared.db.tables import spine_metadata

__all__ = ["ALL_TENANTS", "Database", "Tx", "spine_metadata"]
