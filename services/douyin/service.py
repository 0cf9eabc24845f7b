"""What the connector hands to its runner."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from functools import partial

from fastapi import FastAPI

from services.douyin import store
from services.douyin.actions import authorisations, authorising, subscriptions
from services.douyin.actions.asking import AskDeps
from services.douyin.actions.business import BusinessKeeper
from services.douyin.actions.configuration import Deps
from services.douyin.actions.directory import Directory
from services.douyin.actions.dispatch import Dispatcher
from services.douyin.actions.intake import IntakeDesk
from services.douyin.actions.limits import CallBudget, TokenTurns
from services.douyin.actions.looking import Looker
from services.douyin.actions.recalls import Recaller
from services.douyin.actions.repairs import Repairer
from services.douyin.actions.sending import SendDeps, measure
from services.douyin.actions.tokens import TokenKeeper
from services.douyin.api import LARGER, RETURNS_TO, Door, router
from services.douyin.clients import Asking, OAuth, Platform
from services.douyin.consumers import handlers
from services.douyin.domain.questions import ROOMS, VIDEOS
from services.douyin.jobs import Watching, alarms, ticks
from shared.errors import NeighbourAway
from shared.http.client import OneTry
from shared.http.pages import Cursors
from shared.http.routing import serve
from shared.runtime import Api, Resources, Service, Worker, new_api

_NAME = "douyin"


def build_api(resources: Resources) -> Api:
    """The door and the configuration API."""
    database, sealer = resources.database(_NAME), resources.sealer
    directory = Directory(database, sealer)
    settings, http, budget = resources.settings, OneTry(), CallBudget(database)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with http:
            yield
        with suppress(NeighbourAway):
            await budget.give_back()

    app = new_api(resources, _NAME, "Douyin apps, bindings, and the door for webhooks.", lifespan)
    app.state.deps = Deps(database, sealer, directory, is_embedded=settings.embedded)
    oauth = OAuth(settings.douyin_api_url, http, TokenTurns(budget, directory))
    app.state.authorising = authorising.Deps(
        database,
        sealer,
        directory,
        oauth,
        sealer.derive("douyin-authorisation-links"),
        settings.public_url.rstrip("/") + RETURNS_TO,
    )
    tokens = TokenKeeper(database, sealer, directory, oauth)
    asking = Asking(settings.douyin_api_url, http)
    app.state.asking = AskDeps(database, sealer, directory, tokens, asking, budget)
    app.state.cursors = Cursors(sealer.derive(f"cursors|{_NAME}"))
    serve(app, router)
    door = Door(IntakeDesk(database, directory, sealer))
    return Api(app, doors={"/douyin/webhooks/": door}, larger=LARGER)


def build_worker(resources: Resources) -> Worker:
    """Sending, settling, echoes, recalls, tokens."""
    database, sealer = resources.database(_NAME), resources.sealer
    directory = Directory(database, sealer)
    http, url = OneTry(), resources.settings.douyin_api_url
    platform = Platform(url, http)
    budget = CallBudget(database)
    oauth = OAuth(url, http, TokenTurns(budget, directory))
    tokens = TokenKeeper(database, sealer, directory, oauth)
    business = BusinessKeeper(database, sealer, directory, oauth)
    asking = AskDeps(database, sealer, directory, tokens, Asking(url, http), budget)
    recaller = Recaller(asking)
    settings = resources.settings
    desk = IntakeDesk(database, directory, sealer, is_door=False)
    repairer = Repairer(asking, desk, timedelta(minutes=settings.webhook_repair_minutes))
    lookers = [
        Looker(asking, VIDEOS, "video", timedelta(minutes=settings.video_look_minutes)),
        Looker(asking, ROOMS, "live", timedelta(minutes=settings.live_look_minutes)),
    ]
    silence = timedelta(minutes=settings.webhook_silence_minutes)
    watching = Watching(asking, silence, repairer, lookers)
    dispatcher = Dispatcher(database, sealer, directory, platform, tokens, budget)
    deps = SendDeps(database, sealer, dispatcher)
    watch = authorisations.Deps(database, directory)
    return Worker(
        ticks=ticks(deps, watching, timedelta(days=settings.webhook_body_days)),
        handlers=handlers(deps, watch, recaller),
        has_room={"sends": dispatcher.claims.has_room},
        alarms=alarms(deps, tokens, business, recaller),
        running=lambda: http,
        background=[dispatcher.run],
        measures=[
            partial(measure, deps),
            partial(authorisations.measure, watch),
            partial(subscriptions.measure, database),
        ],
    )


SERVICE = Service(_NAME, store.metadata, build_api, build_worker)
