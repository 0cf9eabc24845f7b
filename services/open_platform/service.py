"""What the open platform hands to whoever runs it."""

import secrets
from functools import partial

from services.open_platform import jobs
from services.open_platform.actions.deps import Deps
from services.open_platform.api import router
from services.open_platform.consumers import handlers
from services.open_platform.domain.api_keys import ALPHABET, CHANCE
from services.open_platform.store import metadata
from shared.http.pages import Cursors
from shared.runtime import Api, Resources, Service, Worker, new_api

NAME = "open_platform"


def deps_of(resources: Resources) -> Deps:
    """What the actions need, from what the process shares."""
    return Deps(
        database=resources.database(NAME),
        tokens=resources.tokens,
        pepper=resources.sealer.derive("api-key-pepper"),
        chance=partial(_characters, CHANCE),
        sealer=resources.sealer,
        is_private_allowed=resources.settings.webhook_private_networks,
    )


def _characters(count: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(count))


def build_api(resources: Resources) -> Api:
    """The HTTP side."""
    app = new_api(resources, NAME, "Organizations, accounts, policies and API keys.")
    app.state.deps = deps_of(resources)
    app.state.sealer = resources.sealer
    app.state.cursors = Cursors(resources.sealer.derive(f"cursors|{NAME}"))
    app.include_router(router)
    return Api(app)


def build_worker(resources: Resources) -> Worker:
    """The event and time side: it hears of owners, and time changes policies."""
    deps = deps_of(resources)
    return Worker(handlers=handlers(deps), ticks=jobs.ticks(deps))


SERVICE = Service(NAME, metadata, build_api, build_worker)
