"""What the open platform hands to whoever runs it."""

import secrets
from datetime import timedelta
from functools import partial

from services.open_platform import jobs
from services.open_platform.actions.delivering import Courier
from services.open_platform.actions.deps import Deps
from services.open_platform.api import router
from services.open_platform.api.payloads import describe
from services.open_platform.clients import CONNECT_SECONDS, MOST_BYTES, Receivers
from services.open_platform.consumers import handlers
from services.open_platform.domain.api_keys import ALPHABET, CHANCE
from services.open_platform.domain.destinations import may_connect
from services.open_platform.store import metadata
from shared.http.client import OneTry
from shared.http.fence import Fence
from shared.http.pages import Cursors
from shared.http.routing import serve
from shared.observability import metrics
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
    serve(app, router)
    describe(app)
    return Api(app)


def build_worker(resources: Resources) -> Worker:
    """The event and time side: it hears of owners, time changes policies, webhooks are sent."""
    deps = deps_of(resources)
    fence = Fence(partial(may_connect, is_private_allowed=deps.is_private_allowed))
    http = OneTry(
        most_bytes=MOST_BYTES,
        connect_seconds=CONNECT_SECONDS,
        fence=fence,
        timer=metrics.webhook_seconds,
    )
    courier = Courier(deps.database, deps.sealer, Receivers(http), secrets.SystemRandom().random)
    return Worker(
        handlers=handlers(deps, courier.wake),
        ticks=jobs.ticks(deps, timedelta(days=resources.settings.webhook_log_days)),
        running=lambda: http,
        background=[courier.run],
        measures=[courier.measure],
    )


SERVICE = Service(NAME, metadata, build_api, build_worker)
