"""What the direct message service hands to whoever runs it. The only place that builds things."""

from functools import partial

from services.direct_messages import actions, api, consumers, jobs, store
from services.direct_messages.actions import Deps
from services.direct_messages.clients import Quota
from shared.http.pages import Cursors
from shared.http.routing import serve
from shared.runtime import Api, Resources, Service, Worker, new_api

_NAME = "direct_messages"


def deps_of(resources: Resources) -> Deps:
    """What the actions work with; also for the demo, which seeds rules."""
    return Deps(resources.database(_NAME), Quota(resources), resources.sealer)


def build_api(resources: Resources) -> Api:
    """The HTTP side."""
    app = new_api(resources, _NAME, "Conversations, automatic replies, people's replies")
    app.state.direct_messages = deps_of(resources)
    app.state.draining = resources.draining
    app.state.cursors = Cursors(resources.sealer.derive("cursors|direct_messages"))
    serve(app, api.router)
    return Api(app)


def build_worker(resources: Resources) -> Worker:
    """The event side, and what runs by time."""
    deps = deps_of(resources)
    return Worker(
        handlers=consumers.handlers(deps),
        ticks=jobs.ticks(deps),
        alarms=jobs.alarms(deps, partial(consumers.message_of, deps)),
        measures=[partial(actions.measure_people, deps)],
    )


SERVICE = Service(_NAME, store.metadata, build_api, build_worker)
