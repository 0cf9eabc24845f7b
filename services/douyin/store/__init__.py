"""The connector's tables and every statement on them."""

from services.douyin.store.tables import metadata

__all__ = ["metadata"]
