"""Live updates for agents: as they happen, from where a stream broke off, and to nobody else."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx2

from services.direct_messages import store
from shared.db import ALL_TENANTS
from shared.runtime.apis import ByRoute
from tests.service.direct_messages.conftest import ACC, FAN, ORG, PERSON, PRICE, Shop
from tests.service.direct_messages.people import AGENT_SCOPES, act, an_agent
from tests.support.serving import free_socket, serving

READS = frozenset({"dm:read"})
Event = tuple[str, str, dict[str, Any]]  # id, kind, data


@asynccontextmanager
async def served(shop: Shop) -> AsyncIterator[httpx2.AsyncClient]:
    """The shop's API on a socket: a stream cannot be read otherwise."""
    listener = free_socket()
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with (
        serving(ByRoute(shop.world.apis), listener),
        httpx2.AsyncClient(base_url=address, timeout=20) as client,
    ):
        yield client


def events(text: str) -> list[Event]:
    """What a stream said, without its comments."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(
            line.split(": ", 1) for line in block.splitlines() if line[:1] not in {":", ""}
        )
        if "event" in fields:
            found.append((fields.get("id", ""), fields["event"], json.loads(fields["data"])))
    return found


async def read(shop: Shop, by: str = "key_test", seconds: int = 0, **asked: str) -> list[Event]:
    """Everything that is there for this key, and what comes in so many seconds."""
    last = {"Last-Event-ID": asked.pop("after")} if "after" in asked else {}
    more = "".join(f"&{name}={value}" for name, value in asked.items())
    answer = await shop.world.http.get(
        f"/v1/agent-updates?seconds={seconds}{more}",
        headers=shop.caller_with_key(by, READS | AGENT_SCOPES) | last,
    )
    assert answer.status_code == 200, answer.text
    return events(answer.text)


THE_BEGINNING = "0-0-9999999999"


def kinds(found: list[Event]) -> list[str]:
    """Their kinds, with the stage of a hand-off."""
    return [kind + (f":{data['stage']}" if "stage" in data else "") for _, kind, data in found]


async def test_a_stream_shows_what_happens_while_it_is_open(shop: Shop) -> None:
    await shop.rules(PERSON)
    await an_agent(shop, "qing")
    async with served(shop) as client:
        headers = shop.caller_with_key("key_qing", AGENT_SCOPES)
        async with client.stream("GET", "/v1/agent-updates?seconds=10", headers=headers) as stream:
            lines = stream.aiter_lines()
            assert await anext(lines) == "retry: 2000"
            await asyncio.sleep(0.8)  # it listens
            await shop.says("我要人工")
            seen = []
            async for line in lines:
                seen.append(line)
                if '"stage":"offered"' in line:
                    break
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert kinds(events("\n".join(seen) + "\n\n"))[:2] == [
        "hand_off_changed:queued",
        "hand_off_changed:offered",
    ]


async def test_a_stream_goes_on_behind_what_was_read_last(shop: Shop) -> None:
    await shop.rules(PERSON)
    await an_agent(shop, "qing")
    await shop.says("我要人工")
    first = await read(shop, after=THE_BEGINNING)
    await act(shop, "accept", "qing")
    await shop.says("在吗")

    rest = await read(shop, after=first[-1][0])

    assert kinds(first) == ["hand_off_changed:queued", "hand_off_changed:offered"]
    assert kinds(rest) == ["hand_off_changed:accepted", "message_received"]
    assert await read(shop, after=rest[-1][0]) == []


async def test_without_a_place_a_stream_begins_now(shop: Shop) -> None:
    await shop.rules(PERSON)
    await shop.says("我要人工")
    assert await read(shop) == []


async def test_a_message_that_the_bot_answers_is_shown_to_nobody(shop: Shop) -> None:
    await shop.rules(PRICE)
    await shop.says("多少钱")
    assert await read(shop, after=THE_BEGINNING) == []
    assert await shop.world.sql("SELECT * FROM direct_messages.live_update") == []


async def test_an_agent_sees_their_own_and_what_is_for_all(shop: Shop) -> None:
    await shop.rules(PERSON)
    await an_agent(shop, "qing")
    lan = await an_agent(shop, "lan", is_there=False)
    await an_agent(shop, "hui", is_there=False, role="supervisor")
    await shop.says("我要人工")
    await act(shop, "accept", "qing")
    await shop.says("在吗")
    await act(shop, "notes", "qing", text="她要退货", mentions=[lan])

    mine = kinds(await read(shop, "key_qing", after=THE_BEGINNING))
    hers = kinds(await read(shop, "key_lan", after=THE_BEGINNING))
    every = kinds(await read(shop, "key_hui", after=THE_BEGINNING))

    assert mine == [
        *("hand_off_changed:queued", "hand_off_changed:offered", "hand_off_changed:accepted"),
        *("message_received", "note_added"),
    ]
    assert hers == [*mine[:3], "note_added"]  # that somebody has it, and that she is mentioned
    assert len(every) == 6


async def test_what_commits_late_is_not_skipped(shop: Shop) -> None:
    database = shop.world.resources.database("direct_messages")

    def news(kind: str) -> list[store.News]:
        return [store.News(ORG, ACC, "conv_1", kind, {}, store.EVERYBODY)]

    async with database.transaction(ALL_TENANTS) as slow:
        await store.add_news(slow, news("slow"))
        async with database.transaction(ALL_TENANTS) as quick:
            await store.add_news(quick, news("quick"))
        while_open = await read(shop, after=THE_BEGINNING)
    after = await read(shop, after=THE_BEGINNING)

    assert while_open == []
    assert kinds(after) == ["slow", "quick"]


async def test_a_place_of_before_yesterday_is_told_to_look_again(shop: Shop) -> None:
    ((_, kind, _),) = await read(shop, after="5-5-1000000000")
    assert kind == "reset"


async def test_a_place_that_is_none_is_refused(shop: Shop) -> None:
    headers = shop.world.caller(ORG) | {"Last-Event-ID": "yesterday"}
    answer = await shop.world.http.get("/v1/agent-updates?seconds=0", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


async def test_an_open_stream_keeps_its_agent_present(shop: Shop) -> None:
    qing = await an_agent(shop, "qing")
    await shop.world.sql("UPDATE direct_messages.agent SET present_until = now() + interval '1 s'")
    await read(shop, "key_qing")
    found = (await shop.get(f"/v1/agents/{qing}")).json()
    assert found["presence"] == "online"
    left = await shop.world.sql("SELECT present_until - now() FROM direct_messages.agent")
    assert left[0][0] > timedelta(minutes=9)


async def test_a_process_that_stops_lets_its_streams_end(shop: Shop) -> None:
    async with served(shop) as client:
        headers = shop.world.caller(ORG)
        async with client.stream("GET", "/v1/agent-updates", headers=headers) as stream:
            lines = stream.aiter_lines()
            await anext(lines)
            shop.world.resources.draining.set()
            async with asyncio.timeout(3):
                assert [line async for line in lines if line and not line.startswith(":")] == []


async def test_while_nobody_listens_nobody_asks(shop: Shop) -> None:
    await shop.rules(PRICE)
    with shop.statements() as seen:
        await shop.says("多少钱", fan=FAN)
        await asyncio.sleep(0.6)
    assert not [sql for _, sql in seen if "live_update" in sql]
