"""When a process says that it is ready, and how it stops."""

import asyncio
from typing import Any

import httpx2
import pytest
import uvicorn

from services.embedded.servers import ValkeyServer
from services.embedded.servers.ports import free_port
from shared.runtime.health import Health
from shared.runtime.process import _Asked, _Server
from tests.service.shared.conftest import HEARER, Road, eventually


async def ready(health: Health) -> tuple[int, str]:
    """Ask /readyz."""
    told: list[Any] = []

    async def send(message: Any) -> None:
        told.append(message)

    async def receive() -> Any:
        raise AssertionError("a question has no body")

    await health({"type": "http", "path": "/readyz"}, receive, send)
    return told[0]["status"], told[1]["body"].decode()


async def test_a_worker_names_its_answers_and_refuses_other_questions_as_everybody_does(
    road: Road,
) -> None:
    resources = road.process("both")
    health = Health(None, [resources.database(HEARER)], resources.streams, list)
    transport = httpx2.ASGITransport(app=health)
    async with httpx2.AsyncClient(transport=transport, base_url="http://siyu") as http:
        for path, status in (("/livez", 200), ("/readyz", 200), ("/metrics", 200), ("/v1", 404)):
            answer = await http.get(path)
            assert answer.status_code == status
            assert answer.headers["request-id"].startswith("req_")
        answer = await http.get("/nowhere")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["request_id"] == answer.headers["request-id"]


async def test_a_loop_that_stands_still_is_not_ready(road: Road) -> None:
    still: list[str] = []
    resources = road.process("both")
    health = Health(None, [resources.database(HEARER)], resources.streams, lambda: still)
    assert (await ready(health))[0] == 200
    still.append("quota.settled")
    status, body = await ready(health)
    assert status == 503
    assert "standing still: quota.settled" in body


async def test_loops_may_wait_for_a_carrier_that_is_away(
    breakable: Road, own_valkey: ValkeyServer
) -> None:
    resources = breakable.process("both")
    health = Health(None, [resources.database(HEARER)], resources.streams, lambda: ["clock"])
    own_valkey.kill()
    status, body = await ready(health)
    assert (status, '"status":"degraded"' in body) == (200, True)


@pytest.mark.parametrize(
    ("version", "status"),
    [("0001", 503), ("0999", 200)],  # a newer one was put there by the next release
)
async def test_a_schema_may_be_ahead_of_the_code_but_not_behind(
    road: Road, version: str, status: int
) -> None:
    resources = road.process("both")
    health = Health(None, [resources.database("douyin")], resources.streams, list)
    ((current,),) = await road.sql("SELECT version_num FROM douyin.alembic_version")
    await road.sql(f"UPDATE douyin.alembic_version SET version_num = '{version}'")
    answer, body = await ready(health)
    assert answer == status
    assert (f"douyin lacks {current}: siyu migrate" in body) is (status == 503)

    await road.sql(f"UPDATE douyin.alembic_version SET version_num = '{current}'")
    assert (await ready(health))[0] == 200


async def test_who_is_asked_to_stop_says_so_and_still_serves_for_a_while(road: Road) -> None:
    resources, port = road.process("both"), free_port()

    async def app(_: Any, __: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"served"})

    health = Health(app, [resources.database(HEARER)], resources.streams, list)
    config = uvicorn.Config(health, port=port, lifespan="off", log_config=None)
    server = _Server(config, health, 0.6, _Asked(60))
    async with (
        asyncio.TaskGroup() as group,
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
    ):
        serving = group.create_task(server.serve())
        await eventually(lambda: server.started, "it serves")
        assert (await client.get("/readyz")).status_code == 200
        server.should_exit = True
        await eventually(lambda: health.draining, "it drains", 1)
        refused = await client.get("/readyz")
        assert (refused.status_code, refused.json()["checks"]["process"]) == (503, "draining")
        assert (await client.get("/anything")).text == "served"
        await eventually(serving.done, "it ends", 3)
