"""Bodies that drip in, and crashes: each answered once and told once."""

import asyncio
from collections.abc import AsyncIterator

import httpx2
from structlog.testing import capture_logs

from shared.http.middleware import Doorkeeper
from shared.runtime import new_api
from tests.unit.shared.test_problems import RESOURCES, caller, problem, router


async def test_a_crash_is_answered_and_told_once() -> None:
    app = new_api(RESOURCES, "test", "things")
    app.include_router(router)
    transport = httpx2.ASGITransport(
        app=Doorkeeper(app, "test")
    )  # raises what goes on to the server
    async with httpx2.AsyncClient(transport=transport, base_url="http://siyu") as client:
        with capture_logs() as logged:
            problem(await client.get("/v1/things/crash"), 500, "internal")
    assert [line["event"] for line in logged] == ["request_failed"]


async def dripping() -> AsyncIterator[bytes]:
    yield b'{"name":'
    await asyncio.sleep(5)
    yield b'"x"}'


async def test_408_for_a_body_that_drips_in() -> None:
    app = new_api(RESOURCES, "test", "things")
    app.include_router(router)
    guarded = Doorkeeper(app, "test", body_seconds=0.2)
    began = asyncio.get_running_loop().time()
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=guarded), base_url="http://siyu"
    ) as client:
        headers = {"Content-Type": "application/json", **caller("dm:manage")}
        answer = await client.post("/v1/things", content=dripping(), headers=headers)
    assert problem(answer, 408, "too_slow")["retryable"] is True
    assert answer.headers["connection"] == "close"
    assert asyncio.get_running_loop().time() - began < 3
