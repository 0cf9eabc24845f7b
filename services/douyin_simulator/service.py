"""Puts the simulator together: the ASGI app, and the process that serves it."""

import sys
import time
from collections.abc import Callable

import uvicorn
from pydantic import ValidationError
from pydantic_settings import SettingsError

from services.douyin_simulator.actions import publishing, seeding
from services.douyin_simulator.actions.world import Demo, Manners, World
from services.douyin_simulator.api.controls import controls_app
from services.douyin_simulator.api.http import AsgiApp, Receive, Scope, Send
from services.douyin_simulator.api.platform import PlatformApi
from services.douyin_simulator.clients import Target, UnusableUrlError, Webhooks
from services.douyin_simulator.domain.sends import Caps
from services.douyin_simulator.settings import Settings
from services.douyin_simulator.store import BrokenDataDirectoryError, Journal, Store

_CONTROLS = ("/_simulator/", "/livez", "/readyz", "/metrics")


def create_app(settings: Settings) -> AsgiApp:
    """The simulator as an ASGI app. Its data directory is opened, and locked, at startup."""
    return _app(lambda: open_world(settings))


def _app(opened: Callable[[], World]) -> AsgiApp:
    served: dict[str, AsgiApp] = {}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            room = "controls" if scope["path"].startswith(_CONTROLS) else "platform"
            await served[room](scope, receive, send)
        elif scope["type"] == "lifespan":
            await _live(opened, served, receive, send)

    return app


def open_world(settings: Settings) -> World:
    """The world that the settings describe, with everything that its journal remembers."""
    Target.of(settings.webhook_url.replace("{client_key}", settings.client_key))
    journal = Journal(settings.data_dir)
    try:
        store = Store(journal)
    except BrokenDataDirectoryError:
        journal.close()
        raise
    webhooks = Webhooks(
        retry_after_s=settings.webhook_retry_after_s,
        timeout_s=settings.webhook_timeout_s,
        connections=settings.webhook_connections,
        settled=lambda event, delivered: publishing.settled(world, event, delivered=delivered),
    )
    world = World(store, webhooks, _caps(settings), _manners(settings), _demo(settings), _wall_ms)
    seeding.prepare(world)
    return world


def main() -> None:
    """Serve until SIGTERM or Ctrl-C. What is wrong with the settings is one sentence."""
    try:
        settings = Settings()
        world = open_world(settings)
    except ValidationError as error:
        first = error.errors()[0]
        name = "SIYU_SIMULATOR_" + "_".join(map(str, first["loc"])).upper()
        sys.exit(f"The setting {name} is wrong: {first['msg']}.")
    except SettingsError as error:
        sys.exit(f"A setting SIYU_SIMULATOR_… cannot be read: {error}.")
    except (BrokenDataDirectoryError, UnusableUrlError) as error:
        sys.exit(str(error))
    uvicorn.run(
        _app(lambda: world),
        host=settings.host,
        port=settings.port,
        log_level=settings.log_level,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
    )


async def _live(
    opened: Callable[[], World], served: dict[str, AsgiApp], receive: Receive, send: Send
) -> None:
    await receive()
    try:
        world = opened()
    except (BrokenDataDirectoryError, UnusableUrlError, OSError) as error:
        await send({"type": "lifespan.startup.failed", "message": str(error)})
        return
    served["platform"], served["controls"] = PlatformApi(world), controls_app(world)
    publishing.resume(world)
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await world.webhooks.close()
    world.store.close()
    await send({"type": "lifespan.shutdown.complete"})


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


def _caps(settings: Settings) -> Caps:
    return Caps(
        reply_limit=settings.reply_limit,
        reply_valid_s=settings.reply_valid_s,
        reply_applies_to_everyone=settings.reply_applies_to == "everyone",
        enter_limit=settings.enter_limit,
        enter_window_s=settings.enter_window_s,
        enters_per_day=settings.enters_per_day,
        text_max_chars=settings.text_max_chars,
        calls_per_day=settings.calls_per_day,
    )


def _manners(settings: Settings) -> Manners:
    return Manners(
        webhook_url=settings.webhook_url,
        echo_id=settings.echo_id,
        error_family=settings.error_family,
        error_envelope=settings.error_envelope,
        cancel_after_failures=settings.cancel_after_failures,
        previous_access_token_life_s=settings.previous_access_token_life_s,
    )


def _demo(settings: Settings) -> Demo:
    return Demo(
        client_key=settings.client_key,
        client_secret=settings.client_secret,
        account=settings.account_open_id,
        access_token=settings.access_token,
        refresh_token=settings.refresh_token,
        client_token=settings.client_token,
        fans=settings.demo_fans,
    )
