"""HTTP in: the organization, its accounts, their policies, its keys."""

from services.open_platform.api import accounts, api_keys, authorisations, internal, policies
from shared.http.routing import Router

router = Router()
for _room in (accounts, authorisations, policies, api_keys, internal):
    router.include_router(_room.router)

__all__ = ["router"]
