"""What webhooks carry, for the contract: each type of the catalogue with its headers and its schema."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from fastapi import FastAPI, Header
from pydantic import BaseModel, create_model

from services.open_platform.domain.catalogue import CATALOGUE, Entry
from shared.contracts.envelope import Event
from shared.contracts.events.direct_messages import (
    HandOffChanged,
    LeadCaptured,
    RuleNotified,
    RulePaused,
    SlaBreached,
    SlaWarned,
)
from shared.contracts.events.douyin import AuthorisationNeeded
from shared.contracts.events.fans import LeadChanged
from shared.contracts.events.open_platform import WebhookEndpointTroubled

_EVENTS: Final[dict[str, type[Event]]] = {
    event.type: event
    for event in (
        *(RuleNotified, LeadCaptured, HandOffChanged, SlaWarned, SlaBreached, RulePaused),
        *(LeadChanged, AuthorisationNeeded, WebhookEndpointTroubled),
    )
}
_SUCCESS: Final = 204


def describe(app: FastAPI) -> None:
    """Write every type of the catalogue into the document of the API."""
    for event_type, entry in CATALOGUE.items():
        name = entry.type.replace(".", "_")
        app.webhooks.add_api_route(
            entry.type,
            _received(_payload(entry, _EVENTS[event_type])),
            methods=["POST"],
            operation_id=f"webhook_{name}",
            summary=entry.comes,
            description="Sent by Siyu to your endpoint, as Standard Webhooks 1.0.0 has it. Any 2xx takes it.",
            status_code=_SUCCESS,
            responses={"default": {"description": "Not taken: it is tried again."}},
            tags=["webhooks"],
        )


def _received(payload: type[BaseModel]) -> Any:  # Any: what FastAPI takes for an endpoint
    def received(
        body: BaseModel,
        webhook_id: Annotated[str, Header(description="The same on every try of one event")],
        webhook_timestamp: Annotated[int, Header(description="Of this try, seconds since 1970")],
        webhook_signature: Annotated[str, Header(description="One `v1,…` for each live secret")],
    ) -> None:
        raise NotImplementedError((body, webhook_id, webhook_timestamp, webhook_signature))

    received.__annotations__["body"] = payload
    return received


def _payload(entry: Entry, event: type[Event]) -> type[BaseModel]:
    words = "".join(word.capitalize() for word in entry.type.replace(".", "_").split("_"))
    facts: dict[str, Any] = {  # Any: types of fields
        name: (event.model_fields[name].annotation, ...) for name in entry.facts
    }
    data = create_model(
        f"{words}Data",
        **{"account_id": (str, ...), "cause": (str, ...), **facts, "links": (dict[str, str], ...)},
    )
    kind: Any = Literal[entry.type.value]  # Any: mypy knows no literal that is made
    whole: dict[str, Any] = {"type": (kind, ...), "timestamp": (datetime, ...), "data": (data, ...)}
    return create_model(f"{words}Webhook", **whole)
