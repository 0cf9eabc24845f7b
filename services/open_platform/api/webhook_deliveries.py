"""What was sent to webhook endpoints: the log, tests, and sending again."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Query, Response

from services.open_platform.actions import webhook_deliveries as actions
from services.open_platform.api.shapes import PlatformCursors, PlatformDeps, WebhookManager
from services.open_platform.domain.deliveries import Delivery, DeliveryState
from shared.errors import Conflict, NotFound
from shared.http.errors import errors
from shared.http.idempotency import ONCE, Once, OptionalKey, RequiredKey
from shared.http.models import Id, ResponseModel, Text
from shared.http.pages import AskedPage
from shared.http.routing import Router

router = Router(tags=["webhooks"])
_ACCEPTED = 202


class WebhookDeliveryOut(ResponseModel):
    """One event on its way to one endpoint. `webhook_id` is the header under which it is sent each time.

    `reason`: why it failed. `tried`: how often it was tried; a try that nobody saw the end of is in no list.
    """

    id: str
    webhook_id: str
    endpoint_id: str
    account_id: str | None
    type: str
    state: str
    reason: str | None
    tried: int
    next_try_at: datetime | None
    created_at: datetime
    ended_at: datetime | None


class WebhookTryOut(ResponseModel):
    """One request. `status`: what was answered; `trouble`: why that is no success."""

    number: int
    at: datetime
    status: int | None
    trouble: str | None
    ms: int


class WebhookDeliveryDetail(WebhookDeliveryOut):
    """A delivery, what it says, and its last hundred tries, the newest first."""

    payload: dict[str, Any]
    tries: list[WebhookTryOut]


class WebhookDeliveryPage(ResponseModel):
    """Deliveries, the newest first."""

    data: list[WebhookDeliveryOut]
    next_cursor: str | None


@router.get("/v1/webhook-deliveries", operation_id="list_webhook_deliveries", responses=errors())
async def list_webhook_deliveries(
    caller: WebhookManager,
    deps: PlatformDeps,
    cursors: PlatformCursors,
    page: AskedPage,
    endpoint_id: Annotated[Text | None, Query(max_length=100)] = None,
    state: DeliveryState | None = None,
) -> WebhookDeliveryPage:
    """What was sent, and what waits, the newest first. It is kept for 30 days."""
    which: dict[str, str | None] = {"endpoint": endpoint_id, "state": state}
    belongs = ("webhook-deliveries", caller.organization_id, endpoint_id or "", state or "")
    before = cursors.read(page.cursor, *belongs)[0] if page.cursor else ""
    found = await actions.list_deliveries(deps, caller.organization_id, before, page.limit, which)
    more = cursors.write([found[-1].id], *belongs) if len(found) == page.limit else None
    return WebhookDeliveryPage(data=[_out(each) for each in found], next_cursor=page.then(more))


@router.get(
    "/v1/webhook-deliveries/{delivery_id}",
    operation_id="get_webhook_delivery",
    responses=errors(NotFound),
)
async def get_webhook_delivery(
    delivery_id: Id, caller: WebhookManager, deps: PlatformDeps
) -> WebhookDeliveryDetail:
    """One delivery, what it says, and how each try ended."""
    found = await actions.get_delivery(deps, caller.organization_id, delivery_id)
    tries = [
        WebhookTryOut(
            number=each.number, at=each.at, status=each.status, trouble=each.trouble, ms=each.ms
        )
        for each in found.tries
    ]
    return WebhookDeliveryDetail(**_fields(found.delivery), payload=found.payload, tries=tries)


@router.post(
    "/v1/webhook-deliveries/{delivery_id}/redelivery",
    operation_id="redeliver_webhook",
    status_code=_ACCEPTED,
    responses=errors(NotFound, Conflict, *ONCE),
)
async def redeliver_webhook(
    delivery_id: Id, key: RequiredKey, caller: WebhookManager, deps: PlatformDeps
) -> WebhookDeliveryOut:
    """Send it again now, whatever became of it, under the same `webhook-id`."""
    once = Once(key, _out, status=_ACCEPTED)
    return _out(await actions.send_again(deps, caller.organization_id, delivery_id, once))


@router.post(
    "/v1/webhook-endpoints/{endpoint_id}/test",
    operation_id="test_webhook_endpoint",
    status_code=_ACCEPTED,
    responses=errors(NotFound, Conflict, *ONCE),
)
async def test_webhook_endpoint(
    endpoint_id: Id,
    key: OptionalKey,
    caller: WebhookManager,
    deps: PlatformDeps,
    response: Response,
) -> WebhookDeliveryOut:
    """Send a `webhook.test` there, once; `Location` is where to see how it ended."""
    once = Once(key, _out, status=_ACCEPTED)
    made = await actions.send_test(deps, caller.organization_id, endpoint_id, once)
    response.headers["location"] = f"/v1/webhook-deliveries/{made.id}"
    return _out(made)


def _out(delivery: Delivery) -> WebhookDeliveryOut:
    return WebhookDeliveryOut(**_fields(delivery))


def _fields(delivery: Delivery) -> dict[str, Any]:  # Any: fields of several types
    names = WebhookDeliveryOut.model_fields.keys() - {"webhook_id", "type"}
    shown = {name: getattr(delivery, name) for name in names}
    return {**shown, "webhook_id": delivery.event_id, "type": delivery.event_type}
