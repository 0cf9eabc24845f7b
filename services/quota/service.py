"""What the quota service hands to whoever runs it. The only place that builds things."""

from services.quota import api, consumers, jobs, store
from services.quota.actions import Deps
from shared.http.pages import Cursors
from shared.http.routing import serve
from shared.runtime import Api, Resources, Service, Worker, new_api


def build_api(resources: Resources) -> Api:
    """The HTTP side."""
    app = new_api(resources, "quota", "Budgets: pushes a month, replies to fans who do not follow")
    app.state.quota = Deps(resources.database("quota"))
    app.state.cursors = Cursors(resources.sealer.derive("cursors|quota"))
    serve(app, api.router)
    return Api(app)


def build_worker(resources: Resources) -> Worker:
    """The event and time side."""
    deps = Deps(resources.database("quota"))
    return Worker(handlers=consumers.handlers(deps), ticks=jobs.ticks(deps))


SERVICE = Service("quota", store.metadata, build_api, build_worker)
