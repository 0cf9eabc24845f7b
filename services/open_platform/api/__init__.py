"""HTTP in: the organization, its accounts, their policies, its keys, its webhooks."""

from services.open_platform.api import (
    accounts,
    api_keys,
    authorisations,
    internal,
    policies,
    webhook_deliveries,
    webhook_endpoints,
)
from shared.http.routing import Router

router = Router()
for _room in (
    accounts,
    authorisations,
    policies,
    api_keys,
    webhook_endpoints,
    webhook_deliveries,
    internal,
):
    router.include_router(_room.router)

__all__ = ["router"]
