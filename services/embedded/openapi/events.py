"""openapi/events.json: every event between services, as AsyncAPI 3.1."""

import importlib
import pkgutil
from collections.abc import Iterable
from typing import Any

from pydantic.json_schema import models_json_schema

import shared.contracts.events
from shared.contracts.envelope import Event
from shared.contracts.routing import ROUTES

_TEXT = {"type": "string"}
ENVELOPE: dict[str, dict[str, Any]] = {
    "id": _TEXT,
    "type": _TEXT,
    "version": {"type": "integer"},
    "tenant": {
        "type": "object",
        "required": ["organization_id", "account_id"],
        "properties": {"organization_id": _TEXT, "account_id": _TEXT},
    },
    "subject": _TEXT,
    "subject_seq": {"type": "integer"},
    "cause": _TEXT,
    "occurred_at": {"type": "string", "format": "date-time"},
    "trace": _TEXT,
}


def every_event() -> list[type[Event]]:
    """All events that services tell each other, in a fixed order."""
    package = shared.contracts.events
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
    found = [e for e in _below(Event) if e.__module__.startswith(package.__name__) and _type(e)]
    return sorted(found, key=lambda event: (event.type, event.version))


def _below(event: type[Event]) -> Iterable[type[Event]]:
    for child in event.__subclasses__():
        yield child
        yield from _below(child)


def _type(event: type[Event]) -> str | None:
    """The type of an event; a common base class has none."""
    return vars(event).get("type")


def events_document() -> dict[str, Any]:
    """Channels, messages and who sends and hears them."""
    events = every_event()
    place = "#/components/schemas/{model}"
    references, definitions = models_json_schema(
        [(event, "serialization") for event in events], ref_template=place
    )
    channels: dict[str, Any] = {}
    messages: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for event in events:
        name = f"{event.type}.v{event.version}"
        messages[name] = _message(event, references[event, "serialization"])
        channel = channels.setdefault(event.type, {"address": event.type, "messages": {}})
        channel["messages"][name] = {"$ref": f"#/components/messages/{name}"}
        operations |= _operations(event.type)
    return {
        "asyncapi": "3.1.0",
        "info": {"title": "Siyu events between services", "version": "1"},
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": definitions.get("$defs", {})},
    }


def _message(event: type[Event], data: dict[str, Any]) -> dict[str, Any]:
    fields = ENVELOPE | {"data": data, "version": {"const": event.version}}
    payload = {"type": "object", "required": list(fields), "properties": fields}
    return {"name": event.type, "summary": event.__doc__ or event.type, "payload": payload}


def _operations(event_type: str) -> dict[str, Any]:
    channel = {"$ref": f"#/channels/{event_type}"}
    sender = event_type.partition(".")[0]
    told = {f"{sender}.sends.{event_type}": {"action": "send", "channel": channel}}
    for hearer in ROUTES.get(event_type, ()):
        lane = {"action": "receive", "channel": channel, "x-lane": hearer.lane}
        told[f"{hearer.service}.hears.{event_type}"] = lane
    return told
