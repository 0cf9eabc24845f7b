"""The operations API as an app of its own: in the console, and described in openapi/."""

from collections.abc import Sequence
from typing import Final

from fastapi import FastAPI

from services.embedded.console.dead_letters import DeadLetters
from services.embedded.console.operations_api import router
from services.embedded.console.standing import Watch
from shared.http.pages import Cursors
from shared.http.routing import serve
from shared.runtime import Resources, Service, new_api

NAME: Final = "operations"


def build_operations(resources: Resources, services: Sequence[Service]) -> FastAPI:
    """The operations API over these services."""
    app = new_api(resources, NAME, "How everything stands, and what was put aside.")
    letters = DeadLetters(resources, services)
    app.state.dead_letters = letters
    # answers by Idempotency-Key lie where API keys do: what is put aside belongs to several services
    app.state.answers = resources.database("open_platform")
    app.state.watch = Watch(resources, services, letters)
    app.state.cursors = Cursors(resources.sealer.derive(f"cursors|{NAME}"))
    serve(app, router)
    return app
