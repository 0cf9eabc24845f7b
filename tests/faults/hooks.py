"""Machines of the two organizations that hear webhooks: what came to them, and how they failed at it."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from services.embedded import demo
from tests.e2e.wire import DEMO, Shop
from tests.faults.lab import Lab
from tests.faults.tenants import OTHER, OTHERS_ACCOUNT
from tests.support.serving import free_socket

ACCOUNTS = {DEMO.open_id: demo.ACCOUNT, OTHER.open_id: OTHERS_ACCOUNT}
TAKES, REFUSES, DIES, HANGS = "takes", "refuses", "dies", "hangs"
_HANGS_SECONDS = 20.0  # longer than anybody waits for an answer
_STATUS = {TAKES: 200, REFUSES: 500, HANGS: 200, DIES: 200}


@dataclass(frozen=True, slots=True)
class Came:
    """One request: its id, what it says (None when it is not signed as agreed), and how it was met."""

    webhook_id: str
    payload: Mapping[str, Any] | None
    met: str


@dataclass(eq=False)
class Hearer:
    """The machine of one shop. It meets one request after the other with the next of its moods."""

    shop: Shop
    url: str
    secret: str = ""
    came: list[Came] = field(default_factory=list)
    moods: Iterator[str] = field(default_factory=lambda: itertools.repeat(TAKES))

    async def hear(self, request: web.Request) -> web.Response:
        """One webhook."""
        body, mood = await request.read(), next(self.moods)
        webhook_id = request.headers.get("webhook-id", "")
        self.came.append(Came(webhook_id, self._read(body, request.headers), mood))
        if mood == DIES and request.transport is not None:
            request.transport.abort()
        if mood == HANGS:
            await asyncio.sleep(_HANGS_SECONDS)
        return web.Response(status=_STATUS[mood])

    def _read(self, body: bytes, headers: Mapping[str, str]) -> Mapping[str, Any] | None:
        lower = {name.lower(): value for name, value in headers.items()}
        try:
            payload: Mapping[str, Any] = Webhook(self.secret).verify(body, lower)
        except WebhookVerificationError:
            return None
        return payload


@asynccontextmanager
async def listening(lab: Lab, *event_types: str) -> AsyncIterator[dict[str, Hearer]]:
    """By the shop's open id: a machine of each, which hears these types until the block ends."""
    async with AsyncExitStack() as stack:
        hearers = {}
        for shop in (DEMO, OTHER):
            hearer = await stack.enter_async_context(_serving(shop))
            await stack.enter_async_context(_subscribed(lab, hearer, event_types))
            hearers[shop.open_id] = hearer
        yield hearers


@asynccontextmanager
async def _serving(shop: Shop) -> AsyncIterator[Hearer]:
    listener = free_socket()
    hearer = Hearer(shop, f"http://127.0.0.1:{listener.getsockname()[1]}/siyu")
    app = web.Application()
    app.router.add_post("/siyu", hearer.hear)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        yield hearer
    finally:
        await runner.cleanup()


@asynccontextmanager
async def _subscribed(lab: Lab, hearer: Hearer, types: Sequence[str]) -> AsyncIterator[None]:
    base = f"http://127.0.0.1:{lab.members['open_platform-api'].port}/v1/webhook-endpoints"
    headers = {"Authorization": f"Bearer {lab.keys[hearer.shop.open_id]}"}
    new = {"url": hearer.url, "event_types": list(types), "description": "faults"}
    made = await asyncio.to_thread(lab.http.post, base, json=new, headers=headers)
    assert made.status_code == 201, made.text
    place, hearer.secret = f"{base}/{made.json()['id']}", made.json()["secret"]
    try:
        yield
    finally:
        await asyncio.to_thread(lab.http.delete, place, headers={**headers, "If-Match": "*"})


def told_right(hearer: Hearer, causes: Mapping[str, str]) -> Iterator[str]:
    """I8, I9: each cause (→ what it is) was told here, under one id, signed; nothing of anybody else."""
    account = ACCOUNTS[hearer.shop.open_id]
    ids: dict[str, set[str]] = {cause: set() for cause in causes}
    taken = set()
    for one in hearer.came:
        if one.payload is None:
            yield f"I8 {one.webhook_id} came to {account} without its signature"
            continue
        facts = one.payload["data"]
        if facts["account_id"] != account:
            yield f"I9 {account} was told of {facts['account_id']}: {one.webhook_id}"
        ids.setdefault(facts["cause"], set()).add(one.webhook_id)
        if one.met == TAKES:
            taken.add(facts["cause"])
    for cause, what in causes.items():
        if cause not in taken:
            yield f"I8 nobody at {account} was told of {what}"
        if len(ids[cause]) > 1:
            yield f"I8 {account} was told of {what} under {len(ids[cause])} ids"
