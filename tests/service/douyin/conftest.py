"""The connector over real PostgreSQL and Valkey, with a scripted platform behind it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from services.douyin.actions.asking import AskDeps
from services.douyin.domain.attempts import content_hash
from services.douyin.domain.signature import signature
from shared import ids
from shared.contracts.envelope import Envelope, Event, Origin
from shared.contracts.events.direct_messages import SendItem, SendRequested
from shared.contracts.events.douyin import MessageEchoed
from shared.contracts.events.open_platform import PolicyChanged
from shared.runtime.worker import Running
from tests.service.douyin.platform import ScriptedPlatform, scripted_platform
from tests.support.world import World

VECTORS: dict[str, Any] = json.loads(Path("tests/contract/douyin/vectors.json").read_text("utf-8"))
KEY, SECRET = VECTORS["client_key"], VECTORS["client_secret"]
ORGANIZATION, ACCOUNT, OPEN_ID, FAN = "org_1", "acc_1", "biz-open-id-0001", "fan-open-id-0001"


@dataclass
class Connector:
    """What a test does with the connector."""

    world: World
    platform: ScriptedPlatform

    @property
    def asking(self) -> AskDeps:
        """What the API asks the platform with."""
        deps: AskDeps = self.world.apis[0].app.state.asking
        return deps

    async def put_app(self, client_key: str = KEY, **changed: Any) -> httpx2.Response:
        organization = changed.pop("organization", ORGANIZATION)
        body = {"client_secrets": [SECRET], "max_event_age_hours": None, **changed}
        return await self._put(f"/v1/douyin-apps/{client_key}", body, organization)

    async def bind(
        self, account: str = ACCOUNT, open_id: str = OPEN_ID, **changed: Any
    ) -> httpx2.Response:
        organization = changed.pop("organization", ORGANIZATION)
        body = {"client_key": KEY, "open_id": open_id, "access_token": "act.x", **changed}
        return await self._put(f"/v1/accounts/{account}/douyin-binding", body, organization)

    async def _put(self, path: str, body: dict[str, Any], organization: str) -> httpx2.Response:
        """Create, or replace what is there on the version that it has."""
        headers = self.world.caller(organization)
        there = await self.world.http.get(path, headers=headers)
        if there.status_code == 200:
            headers["If-Match"] = there.headers["etag"]
        return await self.world.http.put(path, json=body, headers=headers)

    async def learn(
        self,
        *accounts: str,
        organization: str = ORGANIZATION,
        policy: dict[str, Any] | None = None,
        version: int = 1,
    ) -> None:
        """Let the connector hear that these accounts exist."""
        now = await self.world.now()
        event = PolicyChanged(profile="seed_2021", policy_version=version, values=policy or {})
        origins = [Origin(organization, a, ids.new("chg"), ids.trace_parent()) for a in accounts]
        heard = [Envelope.of(event, o, subject=o.account_id, seq=1, at=now) for o in origins]
        await self.world.deliver("douyin", *heard)

    async def binding(self, account: str = ACCOUNT) -> dict[str, Any]:
        """The account's binding as people see it."""
        headers = self.world.caller(ORGANIZATION)
        path = f"/v1/accounts/{account}/douyin-binding"
        shown: dict[str, Any] = (await self.world.http.get(path, headers=headers)).json()
        return shown

    async def post(self, body: bytes | str | dict[str, Any], **how: Any) -> httpx2.Response:
        """Post a webhook, signed unless `signed` says otherwise."""
        raw = json.dumps(body) if isinstance(body, dict) else body
        raw = raw.encode() if isinstance(raw, str) else raw
        headers = {
            "Content-Type": "application/json",
            "X-Douyin-Signature": how.get("signed", signature(how.get("secret", SECRET), raw)),
            **how.get("headers", {}),
        }
        path = f"/douyin/webhooks/{how.get('key', KEY)}"
        return await self.world.http.request(
            how.get("method", "POST"), path, content=raw, headers=headers
        )

    async def events(self) -> list[dict[str, Any]]:
        """What the connector told and nobody acknowledged yet, oldest first."""
        rows = await self.world.sql("SELECT DISTINCT id, envelope FROM douyin.outbox ORDER BY id")
        return [json.loads(bytes(row["envelope"])) for row in rows]

    async def endings(self) -> list[dict[str, Any]]:
        """Every settlement told so far, oldest first."""
        told = [e for e in await self.events() if e["type"] == "douyin.attempt_settled"]
        return [settled for e in told for settled in e["data"]["attempts"]]

    async def settled(self) -> list[tuple[str, int, str]]:
        """(operation, item, outcome) of every settlement told so far."""
        return [(s["operation_id"], s["item"], s["outcome"]) for s in await self.endings()]

    async def attempts(self) -> list[Any]:
        return await self.world.sql("SELECT * FROM douyin.attempt ORDER BY position")

    async def states(self) -> list[str]:
        return [row["state"] for row in await self.attempts()]

    async def a_request(self, operation: str, *texts: str, **changed: Any) -> Envelope:
        """A request to send; what is not named is as for V2."""
        now = await self.world.now()
        account = changed.pop("account", ACCOUNT)
        sealer = self.world.resources.sealer
        fields: dict[str, Any] = {
            "operation_id": operation,
            "reservation_id": f"rsv_{operation}",
            "conversation_id": "@conv001==",
            "open_id": FAN,
            "scene": "im_reply_msg",
            "reply_to": "@msg001==",
            "window_opened_at": now,
            "expires_at": now + timedelta(hours=24),
            "items": [SendItem(text=sealer.seal(ORGANIZATION, t, now.date())) for t in texts],
            "supersedes": None,
            **changed,
        }
        return self._envelope(SendRequested(**fields), account, now)

    async def request(self, operation: str, *texts: str, **changed: Any) -> None:
        await self.world.deliver("douyin", await self.a_request(operation, *texts, **changed))

    async def echo(self, message_id: str, text: str, **changed: Any) -> None:
        now = await self.world.now()
        event = MessageEchoed(
            message_id=message_id,
            conversation_id=changed.pop("conversation_id", "@conv001=="),
            open_id=FAN,
            kind="text",
            content_hash=content_hash("text", text),
            created_at=changed.pop("created_at", now),
        )
        await self.world.deliver("douyin", self._envelope(event, ACCOUNT, now))

    def _envelope(self, event: Event, account: str, now: datetime) -> Envelope:
        origin = Origin(ORGANIZATION, account, "evt_cause", ids.trace_parent())
        return Envelope.of(event, origin, subject=FAN, seq=1, at=now)

    async def until(self, what: Callable[[], Any], seconds: float = 8.0) -> None:
        """Wait until the condition (which may be awaitable) holds."""
        async with asyncio.timeout(seconds):
            while True:
                found = what()
                if found if isinstance(found, bool) else await found:
                    return
                await asyncio.sleep(0.02)

    async def until_states(self, *states: str) -> None:
        async def reached() -> bool:
            return await self.states() == list(states)

        try:
            await self.until(reached)
        except TimeoutError:
            raise AssertionError(f"{await self.states()} is not {list(states)}") from None


@asynccontextmanager
async def dispatching(part: Running, *, alarms: bool = True) -> AsyncIterator[None]:
    """What the runner does with a worker, but for its lanes: those a test turns by hand."""
    assert part.worker.running is not None
    async with part.worker.running(), asyncio.TaskGroup() as group:
        loops = [loop() for loop in part.worker.background]
        if alarms:
            loops += [alarm.ring() for alarm in part.worker.alarms]
        tasks: list[asyncio.Task[Any]] = [group.create_task(loop) for loop in loops]  # type: ignore[arg-type]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


@pytest.fixture
async def platform() -> AsyncIterator[ScriptedPlatform]:
    async with scripted_platform() as running:
        yield running


@pytest.fixture
async def quiet(worlds: Callable[..., Any], platform: ScriptedPlatform) -> AsyncIterator[Connector]:
    """The demo app and account are configured; nothing is sent by itself."""
    async with worlds("douyin", douyin_api_url=platform.url) as world:
        connector = Connector(world, platform)
        assert (await connector.put_app()).status_code == 200
        await connector.learn("acc_1", "acc_2")
        await connector.learn("acc_2", organization="org_2")
        assert (await connector.bind()).status_code == 200
        await world.sql("DELETE FROM douyin.outbox")  # nobody hears here that it was authorised
        yield connector


@pytest.fixture
async def connector(quiet: Connector) -> AsyncIterator[Connector]:
    """The same, and what is claimed is sent."""
    async with dispatching(quiet.world.parts[0]):
        yield quiet
