"""All documents that openapi/ holds, made from the services that exist."""

import importlib
import importlib.util
import json
import pkgutil
from collections.abc import Sequence
from typing import Any

from pydantic import SecretStr

import services
from services.embedded.console.operations_app import NAME as OPERATIONS
from services.embedded.console.operations_app import build_operations
from services.embedded.openapi.events import events_document
from services.embedded.openapi.merge import merge
from shared.runtime import Resources, Service
from shared.settings import ProcessSettings

NOT_OURS = frozenset({"embedded", "douyin_simulator"})  # the simulator's API is Douyin's
INFO = {
    "title": "Siyu",
    "version": "1",
    "summary": "The backend with which brands run their Douyin Enterprise Accounts.",
    "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
}


def every_service() -> list[Service]:
    """The services that exist, by name."""
    names = sorted(m.name for m in pkgutil.iter_modules(services.__path__) if m.ispkg)
    modules = [f"services.{name}.service" for name in names if name not in NOT_OURS]
    return [importlib.import_module(m).SERVICE for m in modules if importlib.util.find_spec(m)]


def unconnected() -> Resources:
    """Resources for building an API that is only described: nothing is opened."""
    settings = ProcessSettings(
        database_url=SecretStr("postgresql+asyncpg://nobody@127.0.0.1:1/none"),
        redis_url=SecretStr("redis://127.0.0.1:1/0"),
        master_key=SecretStr("no secret: this process answers nobody"),
    )
    return Resources(settings, "openapi")


def service_documents(every: Sequence[Service], resources: Resources) -> dict[str, dict[str, Any]]:
    """The OpenAPI document of each service, by name."""
    return {service.name: service.build_api(resources).app.openapi() for service in every}


def public_document(documents: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The one document of the public API, as `/openapi.json` serves it."""
    return merge(documents.values(), INFO)


def every_document() -> dict[str, dict[str, Any]]:
    """File name without `.json` → document, for everything in openapi/."""
    resources, every = unconnected(), every_service()
    documents = service_documents(every, resources)
    documents[OPERATIONS] = build_operations(resources, every).openapi()
    return {**documents, "siyu": public_document(documents), "events": events_document()}


def rendered(document: dict[str, Any]) -> str:
    """The text of a document: keys in order, so that a difference is a change."""
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
