"""The console over every service: its operations API, its pages, its contract."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from services.embedded.console.front import build_console
from shared import ids
from shared.contracts.envelope import Envelope, Origin
from shared.contracts.events.direct_messages import SendNotRequested
from shared.inbox import Quarantine
from shared.runtime.apis import ByRoute
from tests.service.conftest import NAMES, OpenWorld
from tests.support.world import World

OWN, OTHER = "org_own", "org_other"


class Console:
    """What an operator of OWN sees."""

    def __init__(self, world: World, http: httpx2.AsyncClient) -> None:
        self.world, self.http = world, http

    async def ask(self, method: str, path: str, *, by: str = OWN, **sent: Any) -> httpx2.Response:
        """One request of an operator."""
        return await self.http.request(method, path, headers=self.world.caller(by), **sent)

    async def put_aside(
        self, word: str, reason: str = "ValueError", *, organization: str = OWN
    ) -> str:
        """An event for quota that nobody could handle; its id."""
        event = SendNotRequested(operation_id=word, reservation_id="rsv_nobody")
        origin = Origin(organization, "acc_1", "evt_cause", ids.trace_parent())
        now = await self.world.now()
        envelope = Envelope.of(event, origin, subject="fan_1", seq=1, at=now)
        await self.put_aside_raw(envelope.id, envelope.dump(), reason)
        return envelope.id

    async def put_aside_raw(self, id_: str, raw: bytes, reason: str) -> None:
        """Bytes that nobody could handle."""
        quarantine = Quarantine(self.world.resources.database("quota"))
        await quarantine.give_up(id_, "settled", raw, reason)

    async def letters(self, path: str = "", *, by: str = OWN) -> list[dict[str, Any]]:
        """The dead letters that are listed."""
        answer = await self.ask("GET", f"/v1/operations/dead-letters{path}", by=by)
        assert answer.status_code == 200, answer.text
        data: list[dict[str, Any]] = answer.json()["data"]
        return data

    async def redrive(
        self, *ids_: str, by: str = OWN, service: str = "quota"
    ) -> list[tuple[str, str]]:
        """Hand letters over again: (result, reason) of each."""
        named = [{"service": service, "id": id_} for id_ in ids_]
        path = "/v1/operations/dead-letters/redrive"
        answer = await self.ask("POST", path, by=by, json={"letters": named})
        assert answer.status_code == 200, answer.text
        return [(r["result"], r["reason"]) for r in answer.json()["results"]]


@pytest.fixture
async def console(worlds: OpenWorld) -> AsyncIterator[Console]:
    """All services with the console in front."""
    async with worlds(*NAMES) as world:
        front = build_console(world.resources, world.services, world.apis)
        app = ByRoute([*world.apis, front])
        transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://siyu") as http:
            yield Console(world, http)
