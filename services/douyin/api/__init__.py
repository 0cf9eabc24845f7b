"""HTTP in: the door for Douyin's webhooks and the configuration API."""

from services.douyin.api.configuration import router
from services.douyin.api.door import Door

__all__ = ["Door", "router"]
