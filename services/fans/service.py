"""What the fan service hands to whoever runs it."""

from services.fans import api, consumers, store
from services.fans.actions import Deps
from shared.http.pages import Cursors
from shared.runtime import Api, Resources, Service, Worker, new_api

NAME = "fans"


def build_api(resources: Resources) -> Api:
    """The HTTP side."""
    app = new_api(resources, NAME, "The fans of an account and whether they follow.")
    app.state.deps = Deps(resources.database(NAME))
    app.state.cursors = Cursors(resources.sealer.derive(f"cursors|{NAME}"))
    app.include_router(api.router)
    return Api(app)


def build_worker(resources: Resources) -> Worker:
    """The event side."""
    return Worker(handlers=consumers.handlers(Deps(resources.database(NAME))))


SERVICE = Service(NAME, store.metadata, build_api, build_worker)
