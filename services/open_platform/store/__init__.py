"""The only place with SQL: organizations, accounts, policies, keys."""

from services.open_platform.store.tables import metadata

__all__ = ["metadata"]
