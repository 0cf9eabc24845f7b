"""A receiver that is slow, broken or gone is nobody else's trouble, and its owner hears of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import orjson
import pytest
from starlette.responses import Response

from tests.service.open_platform.hooks import Hooks, some_hooks
from tests.support.receiving import receiving


@pytest.fixture
async def hooks(worlds: Callable[..., Any]) -> AsyncIterator[Hooks]:
    """The open platform, whose webhooks may go to this machine."""
    async with some_hooks(worlds) as found:
        yield found


async def test_a_slow_endpoint_has_a_few_slots_and_the_others_go_on(hooks: Hooks) -> None:
    slow, quick = await hooks.receiver(), await hooks.receiver()
    slow.seconds = 30
    await hooks.endpoint(slow)
    for _ in range(12):
        await hooks.happens()
    await hooks.endpoint(quick)
    await hooks.happens()
    running = asyncio.create_task(hooks.courier.run())
    try:
        async with asyncio.timeout(10):
            await quick.heard.wait()
        await asyncio.sleep(0.2)
        assert len(slow.got) == 8
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_an_endpoint_that_fails_is_asked_for_one_at_a_time(hooks: Hooks) -> None:
    receiver = await hooks.receiver()
    await hooks.endpoint(receiver)
    for _ in range(3):
        await hooks.happens()
    receiver.answers_with(*[500] * 3)
    assert await hooks.turn() == 3
    await hooks.later()
    assert await hooks.turn() == 1  # which it takes
    await hooks.later()
    assert await hooks.turn() == 2


async def test_an_endpoint_that_is_gone_gets_nothing_more_and_others_hear_of_it(
    hooks: Hooks,
) -> None:
    gone, watches = await hooks.receiver(), await hooks.receiver()
    endpoint = await hooks.endpoint(gone)
    watching = await hooks.endpoint(watches, event_types=["webhook.endpoint_troubled"])
    gone.answers_with(410)
    await hooks.happens()
    await hooks.turn()
    shown = await hooks.ok("GET", f"/v1/webhook-endpoints/{endpoint['id']}")
    assert (shown["enabled"], shown["disabled_reason"]) == (False, "gone")
    await hooks.world.drain()
    await hooks.turn()
    told = watches.got[0].verified(watching["secret"])
    assert told["data"]["endpoint_id"] == endpoint["id"]
    assert (told["data"]["trouble"], told["data"]["reason"]) == ("disabled", "gone")
    await hooks.happens()
    assert await hooks.turn() == 0


async def test_the_fourth_try_in_vain_is_told_once_until_something_is_taken(hooks: Hooks) -> None:
    receiver, watches = await hooks.receiver(), await hooks.receiver()
    await hooks.endpoint(receiver)
    await hooks.endpoint(watches, event_types=["webhook.endpoint_troubled"])
    receiver.answers_with(*[500] * 8)
    await hooks.happens()
    await hooks.happens()
    for _ in range(12):
        await hooks.later()
        await hooks.turn()
        await hooks.world.drain()
    reasons = [orjson.loads(got.body)["data"]["trouble"] for got in watches.got]
    assert reasons == ["failing"]
    shown = (await hooks.ok("GET", "/v1/webhook-endpoints"))["data"]
    assert [each["failing_since"] for each in shown] == [None, None]


async def test_five_days_of_failures_disable_an_endpoint_and_one_success_does_not(
    hooks: Hooks,
) -> None:
    receiver = await hooks.receiver()
    endpoint = await hooks.endpoint(receiver)
    place = f"/v1/webhook-endpoints/{endpoint['id']}"
    back = "UPDATE open_platform.webhook_endpoint SET failing_since = failing_since - $1::interval"
    receiver.answers_with(500, 200, 500, 500)
    await hooks.happens()
    await hooks.turn()
    await hooks.world.sql(back, timedelta(days=6))
    await hooks.later()
    await hooks.turn()  # taken: all is well
    await hooks.happens()
    await hooks.turn()
    assert (await hooks.ok("GET", place))["enabled"]
    await hooks.world.sql(back, timedelta(days=5))
    await hooks.later()
    await hooks.turn()
    shown = await hooks.ok("GET", place)
    assert (shown["enabled"], shown["disabled_reason"]) == (False, "failing")
    # what waits is held, and goes on when the owner enables it again
    await hooks.later()
    assert await hooks.turn() == 0
    await hooks.ok("PATCH", place, {"enabled": True}, if_match="*")
    assert await hooks.turn() == 1


async def test_an_answer_without_end_is_not_read(hooks: Hooks) -> None:
    receiver = await hooks.receiver()
    await hooks.endpoint(receiver)
    packed = {"content-encoding": "gzip"}
    receiver.answers.append(Response(b"\0" * 2_000_000, headers=packed))
    await hooks.happens()
    await hooks.turn()
    (tried,) = (await hooks.the_delivery())["tries"]
    assert (tried["status"], tried["trouble"]) == (None, "answer_too_large")


async def test_who_cannot_be_reached_is_tried_again(hooks: Hooks) -> None:
    async with receiving() as gone:
        await hooks.endpoint(gone)
    await hooks.happens()
    await hooks.turn()
    delivery = await hooks.the_delivery()
    assert (delivery["state"], delivery["tries"][0]["trouble"]) == ("pending", "unreachable")
