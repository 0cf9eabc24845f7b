"""What the fan service hands to whoever runs it."""

from services.fans import api, consumers, jobs, store
from services.fans.actions import Deps
from shared.http.pages import Cursors
from shared.http.routing import serve
from shared.runtime import Api, Resources, Service, Worker, new_api

NAME = "fans"


def deps_of(resources: Resources) -> Deps:
    """What the actions work with; also for the demo, which seeds fans."""
    return Deps(resources.database(NAME), resources.sealer, resources.sealer.derive("leads|phone"))


def build_api(resources: Resources) -> Api:
    """The HTTP side."""
    app = new_api(resources, NAME, "Fans: who follows, and who left a contact.")
    app.state.deps = deps_of(resources)
    app.state.cursors = Cursors(resources.sealer.derive(f"cursors|{NAME}"))
    serve(app, api.router)
    return Api(app)


def build_worker(resources: Resources) -> Worker:
    """The event and time side."""
    deps = deps_of(resources)
    return Worker(handlers=consumers.handlers(deps), ticks=jobs.ticks(deps))


SERVICE = Service(NAME, store.metadata, build_api, build_worker)
