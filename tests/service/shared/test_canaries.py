"""What people write is nowhere on the way: not in an outbox, not in a stream, not in a log."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
import redis

from services.direct_messages.actions import seed_rules
from services.direct_messages.domain.rules import load_definition
from services.direct_messages.service import deps_of
from shared.contracts.envelope import Envelope
from shared.contracts.events.open_platform import PolicyChanged
from shared.db.engine import Delivery
from tests.service.direct_messages.conftest import SEED_2021
from tests.service.douyin.conftest import KEY, Connector, dispatching
from tests.service.douyin.platform import ScriptedPlatform, scripted_platform
from tests.service.shared.conftest import eventually

ASKED, ANSWERED = "canary-question-7d1f", "canary-answer-83b2"
SERVICES = ("quota", "direct_messages", "douyin")
RULE = {
    "name": "canary",
    "trigger": "message",
    "match": "contains",
    "keywords": [ASKED],
    "replies": [{"kind": "text", "text": ANSWERED}],
}


@asynccontextmanager
async def everything_that_valkey_hears(url: str) -> AsyncIterator[list[str]]:
    """All commands that anybody sends to the carrier inside, with their arguments."""
    heard: list[str] = []
    with redis.Redis.from_url(url) as client, client.monitor() as monitor:

        def listen() -> None:
            for command in monitor.listen():
                heard.append(command["command"])
                if command["command"].startswith("ECHO the end"):
                    return

        listening = asyncio.create_task(asyncio.to_thread(listen))
        try:
            yield heard
        finally:
            with redis.Redis.from_url(url) as other:
                other.echo("the end")
            await listening


@pytest.fixture
async def platform() -> AsyncIterator[ScriptedPlatform]:
    async with scripted_platform() as scripted:
        yield scripted


async def learn(connector: Connector) -> None:
    """The account, its policy and a rule."""
    assert (await connector.put_app()).status_code == 200
    policy = PolicyChanged(profile="seed_2021", policy_version=1, values=SEED_2021)
    envelope = connector._envelope(policy, "acc_1", await connector.world.now())
    for service in SERVICES:
        await connector.world.deliver(service, envelope)
    assert (await connector.bind()).status_code == 200
    deps = deps_of(connector.world.resources)
    await seed_rules(deps, "org_1", "acc_1", [load_definition(RULE)])


async def a_message(connector: Connector, message_id: str, text: str) -> None:
    """A fan writes; the platform tells us so, signed."""
    now = await connector.world.now()
    content = {
        "conversation_short_id": "@conv001==",
        "server_message_id": message_id,
        "conversation_type": 1,
        "create_time": int(now.timestamp() * 1000),
        "message_type": "text",
        "source": "",
        "text": text,
    }
    people = {"from_user_id": "fan-open-id-0001", "to_user_id": "biz-open-id-0001"}
    event = {"event": "im_receive_msg", "client_key": KEY, **people}
    answer = await connector.post(json.dumps({**event, "content": content}))
    assert answer.status_code == 200, answer.text


async def a_poisoned_message(connector: Connector) -> None:
    """One that no handler can read, with the same text: it fails, and failures are logged."""
    text = connector.world.resources.sealer.seal("org_1", f"{ASKED}?", date(2024, 2, 10))
    policy = PolicyChanged(profile="p", policy_version=1, values={})
    envelope = connector._envelope(policy, "acc_1", await connector.world.now())
    poisoned = replace(envelope, type="douyin.message_received", data={"text": text})
    deliveries = [Delivery(poisoned.id, "direct_messages", "live", poisoned.dump())]
    await connector.world.resources.streams.send(deliveries)
    for lane in connector.world.parts[1].lanes:
        await lane.step(block_ms=0)


async def test_texts_are_sealed_in_every_outbox_and_stream_and_are_in_no_log(
    worlds: Callable[..., Any],
    platform: ScriptedPlatform,
    redis_url: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with worlds(*SERVICES, douyin_api_url=platform.url) as world:
        connector = Connector(world, platform)
        await learn(connector)
        async with everything_that_valkey_hears(redis_url) as heard, dispatching(world.parts[2]):
            await a_message(connector, "@m1==", f"{ASKED}?")
            await world.drain()
            await eventually(lambda: platform.texts() == [ANSWERED], "the reply was sent")
            await world.drain()
            await a_poisoned_message(connector)
        rows = [
            bytes(row[0])
            for table in ("outbox", "quarantine")
            for service in SERVICES
            for row in await world.sql(f"SELECT envelope FROM {service}.{table}")
        ]
        sealed = [Envelope.load(row).data for row in rows]
        opened = world.resources.sealer.open
        texts = {opened("org_1", d["text"]) for d in sealed if "text" in d}
        texts |= {opened("org_1", item["text"]) for d in sealed for item in d.get("items", ())}
    carried = "\n".join(heard)
    asked = "\n".join(command for command in heard if command.startswith("EVAL"))
    written = "".join(capsys.readouterr())
    assert texts == {f"{ASKED}?", ANSWERED}, "we looked where the texts are"
    assert asked.count("douyin.message_received") == 2, "and saw them pass"
    assert asked.count("direct_messages.send_requested") == 1
    assert "envelope_failed" in written, "and something was logged"
    for place in (b"\n".join(rows).decode(), carried, written):
        assert ASKED not in place
        assert ANSWERED not in place
