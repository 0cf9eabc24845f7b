"""HTTP in: the door for Douyin's webhooks, the configuration API, and the page to which owners come back."""

from services.douyin.api import authorising, configuration
from services.douyin.api.authorising import RETURNS_TO
from services.douyin.api.door import Door
from shared.http.routing import Router

router = Router()
router.include_router(configuration.router)
router.include_router(authorising.router)

__all__ = ["RETURNS_TO", "Door", "router"]
