"""HTTP in: the fans of an account, and the leads of an organization."""

from services.fans.api import fans, leads
from shared.http.routing import Router

router = Router()
router.include_router(fans.router)
router.include_router(leads.router)

__all__ = ["router"]
