"""A webhook that kills whoever sends it, or meets an error of ours, is not sent for ever."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from services.open_platform.actions.delivering import Courier
from tests.service.open_platform.hooks import Hooks, some_hooks
from tests.support.lossy import lossy_line
from tests.support.world import resources_for

# one more sender, in a process that may die of what it sends
SENDER = """
import asyncio, os
from services.open_platform.actions.delivering import Courier
from services.open_platform.service import SERVICE
from tests.support.world import resources_for

async def send():
    url = os.environ["TEST_DATABASE"]
    resources = resources_for(url, "redis://127.0.0.1:1", webhook_private_networks=True)
    worker = SERVICE.build_worker(resources)
    async with worker.running():
        courier = worker.background[0].__self__
        for claimed in await courier.claim():
            await courier.deliver(claimed)
    await resources.close()

asyncio.run(send())
"""


@pytest.fixture
async def hooks(worlds: Callable[..., Any]) -> AsyncIterator[Hooks]:
    """The open platform, whose webhooks may go to this machine."""
    async with some_hooks(worlds) as found:
        yield found


async def send_and_end(hooks: Hooks, how: str) -> int:
    """Another process sends what is due, and ends as its failpoint says: its exit status."""
    environment = {
        **os.environ,
        "FAILPOINT": f"webhooks.after_send={how}",
        "TEST_DATABASE": hooks.world.owner_url,
    }
    sender = await asyncio.create_subprocess_exec(sys.executable, "-c", SENDER, env=environment)
    async with asyncio.timeout(60):
        return await sender.wait()


async def test_a_webhook_that_kills_whoever_sends_it_is_given_up_and_may_be_sent_again(
    hooks: Hooks,
) -> None:
    receiver = await hooks.receiver()
    await hooks.endpoint(receiver)
    receiver.answers_with(*[500] * 8)
    await hooks.happens()
    for _ in range(8):
        await hooks.later()
        assert await hooks.turn() == 1
    for tried in (9, 10):
        await hooks.later()
        assert await send_and_end(hooks, "kill9") == -signal.SIGKILL
        delivery = await hooks.the_delivery()
        assert (delivery["state"], delivery["tried"]) == ("pending", tried)

    await hooks.later()
    assert await hooks.turn() == 1
    delivery = await hooks.the_delivery()
    ended = (delivery["state"], delivery["reason"], delivery["tried"])
    assert ended == ("failed", "our_error", 10)
    assert [t["number"] for t in delivery["tries"]] == [8, 7, 6, 5, 4, 3, 2, 1]
    assert len(receiver.got) == 10  # it was not sent when it was given up

    place = f"/v1/webhook-deliveries/{delivery['id']}/redelivery"
    await hooks.ask("POST", place, idempotency_key="send-it-again")
    assert await hooks.turn() == 1
    delivery = await hooks.the_delivery()
    assert (delivery["state"], delivery["tried"]) == ("delivered", 11)


async def test_an_error_of_ours_is_a_try_and_no_fault_of_the_endpoint(hooks: Hooks) -> None:
    receiver = await hooks.receiver()
    endpoint = await hooks.endpoint(receiver)
    await hooks.happens()
    assert await send_and_end(hooks, "raise") == 0
    delivery = await hooks.the_delivery()
    assert (delivery["state"], delivery["tried"]) == ("pending", 1)
    assert [t["trouble"] for t in delivery["tries"]] == ["our_error"]
    assert await hooks.turn() == 0  # it waits as after any other try
    shown = await hooks.ok("GET", f"/v1/webhook-endpoints/{endpoint['id']}")
    assert (shown["enabled"], shown["failing_since"]) == (True, None)
    await hooks.later()
    assert await hooks.turn() == 1
    assert (await hooks.the_delivery())["state"] == "delivered"


async def test_a_try_whose_end_cannot_be_told_at_first_is_told_later_and_once(hooks: Hooks) -> None:
    receiver = await hooks.receiver()
    await hooks.endpoint(receiver)
    receiver.answers_with(500)
    await hooks.happens()
    async with lossy_line(hooks.world.owner_url) as line:
        resources = resources_for(line.url, "redis://127.0.0.1:1")
        database, receivers = resources.database("open_platform"), hooks.courier._receivers
        courier = Courier(database, hooks.deps.sealer, receivers, lambda: 0.5)
        (claimed,) = await courier.claim()
        line.to_lose = 1
        await courier.deliver(claimed)
        await resources.close()
        assert line.lost == 1
    delivery = await hooks.the_delivery()
    assert (delivery["state"], delivery["tried"], len(receiver.got)) == ("pending", 1, 1)
    assert [(t["number"], t["status"]) for t in delivery["tries"]] == [(1, 500)]


async def test_a_try_that_outlives_its_lease_is_not_begun_again_beside_itself(
    hooks: Hooks,
) -> None:
    """PostgreSQL may be away for longer than a lease: how the try ended is still known here."""
    receiver = await hooks.receiver()
    await hooks.endpoint(receiver)
    await hooks.happens()
    (claimed,) = await hooks.courier.claim()
    await hooks.later()
    assert await hooks.courier.claim() == []
    await hooks.courier.deliver(claimed)
    delivery = await hooks.the_delivery()
    ended = (delivery["state"], delivery["tried"], len(receiver.got))
    assert ended == ("delivered", 1, 1)
