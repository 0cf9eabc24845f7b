"""HTTP in: the door for webhooks, configuration, contents of messages, the page to which owners come back."""

from services.douyin.api import (
    authorising,
    business,
    card_templates,
    configuration,
    contents,
    followers,
    grants,
    limits,
    looks,
    owners,
    posts,
)
from services.douyin.api.authorising import RETURNS_TO
from services.douyin.api.contents import LARGER
from services.douyin.api.door import Door
from shared.http.routing import Router

router = Router()
router.include_router(configuration.router)
router.include_router(authorising.router)
router.include_router(business.router)
router.include_router(card_templates.router)
router.include_router(contents.router)
router.include_router(followers.router)
router.include_router(grants.router)
router.include_router(limits.router)
router.include_router(looks.router)
router.include_router(owners.router)
router.include_router(posts.router)

__all__ = ["LARGER", "RETURNS_TO", "Door", "router"]
