"""The console as a process of its own, beside services whose workers run elsewhere."""

import asyncio
from typing import Any

import httpx2

from services.embedded.console.front import build_console
from shared.runtime import Resources
from shared.runtime.process import Process, running
from tests.service.console.conftest import OWN, Console


async def test_apart_from_the_workers_it_shows_queues_and_redrives(console: Console) -> None:
    letter = await console.put_aside("op_1")
    world = console.world
    process = Process(world.services, worker=False, front=build_console)
    apart = Resources(world.resources.settings, "console")
    async with running(process, apart) as health:
        transport = httpx2.ASGITransport(app=health, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://siyu") as http:
            for path in ("/console", "/openapi.json", "/readyz"):
                assert (await http.get(path)).status_code == 200, path
            headers = world.caller(OWN)
            assert (await http.get("/v1/accounts", headers=headers)).status_code == 200
            standing: dict[str, Any] = {}
            lanes: list[int | None] = [None]
            for _ in range(100):
                if None not in lanes and standing["unknown_sends"] == 0:
                    break
                await asyncio.sleep(0.1)
                standing = (await http.get("/v1/operations/standing", headers=headers)).json()
                lanes = [lane["entries"] for s in standing["services"] for lane in s["lanes"]]
            assert None not in lanes, "measured here"
            assert standing["unknown_sends"] == 0
            body = {"letters": [{"service": "quota", "id": letter}]}
            path = "/v1/operations/dead-letters/redrive"
            asked = asyncio.create_task(http.post(path, json=body, headers=headers))
            await asyncio.sleep(0.3)
            await world.drain()  # the worker, elsewhere
            assert (await asked).json()["results"][0]["result"] == "handled"
