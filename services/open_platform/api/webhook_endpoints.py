"""Webhook endpoints of the organization."""

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import Response
from pydantic import AfterValidator, Field

from services.open_platform.actions import webhook_endpoints as actions
from services.open_platform.actions.webhook_endpoints import EndpointChange, Shown
from services.open_platform.api.shapes import (
    AppSealer,
    PlatformCursors,
    PlatformDeps,
    WebhookManager,
)
from services.open_platform.domain.catalogue import CATALOGUE, EventType
from services.open_platform.domain.webhooks import Endpoint, EndpointState
from shared.errors import Conflict, Invalid, NotFound, PreconditionFailed, PreconditionRequired
from shared.http.errors import errors
from shared.http.idempotency import ONCE, Once, OptionalKey
from shared.http.models import FROM_TEXT, Id, RequestModel, ResponseModel, Text
from shared.http.pages import AskedPage
from shared.http.routing import Router
from shared.http.versions import RequiredVersion, etag

router = Router(tags=["webhooks"])


def _each_once(types: list[EventType]) -> list[EventType]:
    if len(set(types)) < len(types):
        raise ValueError("must not name a type twice")
    return types


Url = Annotated[Text, Field(min_length=1, max_length=2000)]
Description = Annotated[Text, Field(max_length=200)]
EventTypes = Annotated[
    list[Annotated[EventType, FROM_TEXT]],
    Field(min_length=1, max_length=50),
    AfterValidator(_each_once),
]


class WebhookEndpointIn(RequestModel):
    """Where to send what. The URL begins with https:// and leads to a public address."""

    url: Url
    event_types: EventTypes
    description: Description = ""


class WebhookEndpointPatch(RequestModel):
    """What is to be different; what is absent or null stays."""

    url: Url | None = None
    event_types: EventTypes | None = None
    description: Description | None = None
    enabled: bool | None = None


class SecretRotation(RequestModel):
    """For how long the old secret signs beside the new one; 0 where it leaked."""

    overlap_hours: Annotated[int, Field(ge=0, le=168)] = 24


class WebhookEndpointOut(ResponseModel):
    """An endpoint. `failing_since`: since then nothing was taken."""

    id: str
    url: str
    description: str
    event_types: list[str]
    enabled: bool
    disabled_reason: str | None
    failing_since: datetime | None
    previous_secret_until: datetime | None
    created_at: datetime
    updated_at: datetime


class NewWebhookSecretOut(WebhookEndpointOut):
    """An endpoint with a new secret. Keep `secret`: nobody can show it again."""

    secret: str


class WebhookEndpointPage(ResponseModel):
    """Endpoints, oldest first."""

    data: list[WebhookEndpointOut]
    next_cursor: str | None


class WebhookEventTypeOut(ResponseModel):
    """A type of webhook, when it comes, and the names in its `data`."""

    type: str
    comes: str
    data: list[str]
    links: list[str]


class WebhookEventTypes(ResponseModel):
    """The whole catalogue."""

    data: list[WebhookEventTypeOut]


@router.get("/v1/webhook-event-types", operation_id="list_webhook_event_types", responses=errors())
async def list_webhook_event_types(_: WebhookManager) -> WebhookEventTypes:
    """What an endpoint may subscribe to."""
    return WebhookEventTypes(
        data=[
            WebhookEventTypeOut(
                type=entry.type,
                comes=entry.comes,
                data=["account_id", "cause", *entry.facts],
                links=list(entry.links),
            )
            for entry in CATALOGUE.values()
        ]
    )


@router.get("/v1/webhook-endpoints", operation_id="list_webhook_endpoints", responses=errors())
async def list_webhook_endpoints(
    caller: WebhookManager, deps: PlatformDeps, cursors: PlatformCursors, page: AskedPage
) -> WebhookEndpointPage:
    """The organization's endpoints, oldest first."""
    belongs = ("webhook-endpoints", caller.organization_id)
    after = cursors.read(page.cursor, *belongs)[0] if page.cursor else ""
    found = await actions.list_endpoints(deps, caller.organization_id, after, page.limit)
    more = cursors.write([found[-1].id], *belongs) if len(found) == page.limit else None
    data = [WebhookEndpointOut(**_fields(each)) for each in found]
    return WebhookEndpointPage(data=data, next_cursor=page.then(more))


@router.post(
    "/v1/webhook-endpoints",
    operation_id="create_webhook_endpoint",
    status_code=201,
    responses=errors(NotFound, Conflict, Invalid, *ONCE),
)
async def create_webhook_endpoint(
    body: WebhookEndpointIn,
    key: OptionalKey,
    caller: WebhookManager,
    deps: PlatformDeps,
    sealer: AppSealer,
    response: Response,
) -> NewWebhookSecretOut:
    """A new endpoint. Its secret is shown this one time; and for 72 hours to whoever repeats the request under its key."""
    new = EndpointChange(body.url, body.description, body.event_types)
    once = Once(key, _shown, sealer=sealer)
    made = await actions.create_endpoint(deps, caller.organization_id, new, once)
    response.headers["location"] = f"/v1/webhook-endpoints/{made[0].id}"
    response.headers["etag"] = etag(made[0].row_version)
    return _shown(made)


@router.get(
    "/v1/webhook-endpoints/{endpoint_id}",
    operation_id="get_webhook_endpoint",
    responses=errors(NotFound),
)
async def get_webhook_endpoint(
    endpoint_id: Id, caller: WebhookManager, deps: PlatformDeps, response: Response
) -> WebhookEndpointOut:
    """One endpoint, with the ETag that a change needs."""
    found = await actions.get_endpoint(deps, caller.organization_id, endpoint_id)
    response.headers["etag"] = etag(found.row_version)
    return WebhookEndpointOut(**_fields(found))


@router.patch(
    "/v1/webhook-endpoints/{endpoint_id}",
    operation_id="change_webhook_endpoint",
    responses=errors(NotFound, Invalid, PreconditionFailed, PreconditionRequired),
)
async def change_webhook_endpoint(
    endpoint_id: Id,
    body: WebhookEndpointPatch,
    expected: RequiredVersion,
    caller: WebhookManager,
    deps: PlatformDeps,
    response: Response,
) -> WebhookEndpointOut:
    """Change it. Disabled, it hears of nothing new, and what waits for it is held until it is enabled."""
    change = EndpointChange(body.url, body.description, body.event_types, body.enabled)
    changed = await actions.change_endpoint(
        deps, caller.organization_id, endpoint_id, change, expected
    )
    response.headers["etag"] = etag(changed.row_version)
    return WebhookEndpointOut(**_fields(changed))


@router.delete(
    "/v1/webhook-endpoints/{endpoint_id}",
    operation_id="delete_webhook_endpoint",
    status_code=204,
    responses=errors(NotFound, PreconditionFailed, PreconditionRequired),
)
async def delete_webhook_endpoint(
    endpoint_id: Id, expected: RequiredVersion, caller: WebhookManager, deps: PlatformDeps
) -> None:
    """Send nothing there any more, also nothing that waits."""
    await actions.delete_endpoint(deps, caller.organization_id, endpoint_id, expected)


@router.post(
    "/v1/webhook-endpoints/{endpoint_id}/secret",
    operation_id="rotate_webhook_secret",
    status_code=201,
    responses=errors(NotFound, *ONCE),
)
async def rotate_webhook_secret(
    endpoint_id: Id,
    body: SecretRotation,
    key: OptionalKey,
    caller: WebhookManager,
    deps: PlatformDeps,
    sealer: AppSealer,
) -> NewWebhookSecretOut:
    """A new secret, shown this one time. Both sign until the overlap is over."""
    once = Once(key, _shown, sealer=sealer)
    overlap = timedelta(hours=body.overlap_hours)
    return _shown(
        await actions.rotate_secret(deps, caller.organization_id, endpoint_id, overlap, once)
    )


def _shown(made: Shown) -> NewWebhookSecretOut:
    return NewWebhookSecretOut(**_fields(made[0]), secret=made[1])


def _fields(endpoint: Endpoint) -> dict[str, Any]:  # Any: fields of several types
    names = WebhookEndpointOut.model_fields.keys() - {"enabled", "event_types"}
    return {
        **{name: getattr(endpoint, name) for name in names},
        "enabled": endpoint.state is EndpointState.ENABLED,
        "event_types": list(endpoint.event_types),
    }
