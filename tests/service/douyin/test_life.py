"""The life of an authorisation, against the simulator, with both clocks moved together."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from services.douyin.actions.directory import Directory
from services.douyin.actions.tokens import TokenKeeper
from services.douyin.clients import OAuth
from services.douyin_simulator.settings import Settings
from shared.http.client import OneTry
from shared.runtime.apis import ByRoute
from shared.times import written
from tests.service.douyin.conftest import (
    ACCOUNT,
    FAN,
    KEY,
    OPEN_ID,
    ORGANIZATION,
    Connector,
    dispatching,
)
from tests.service.douyin.platform import ScriptedPlatform
from tests.service.douyin_simulator.conftest import Platform as Simulator
from tests.service.douyin_simulator.conftest import running
from tests.support.serving import free_socket, serving
from tests.support.world import World, resources_for

DAY, MILLISECOND = timedelta(days=1), timedelta(milliseconds=1)
PROCESSES = 3


@dataclass
class Life:
    """An account at the simulator, our connector, and several processes that keep its tokens."""

    connector: Connector
    simulator: Simulator
    journal: Path
    keepers: list[TokenKeeper]
    sender: Directory

    async def authorise(self, **asked: Any) -> None:
        """The owner follows a link, agrees on the platform's page, and comes back to ours."""
        http = self.connector.world.http
        path = f"/v1/accounts/{ACCOUNT}/douyin-authorisation-links"
        headers = self.connector.world.caller(ORGANIZATION)
        link = (await http.post(path, json={"client_key": KEY, **asked}, headers=headers)).json()[
            "url"
        ]
        form = {**dict(parse_qsl(urlsplit(link).query)), "open_id": OPEN_ID}
        consent = f"{self.simulator.url}/_simulator/consent"
        async with self.simulator.http.post(consent, data=form, allow_redirects=False) as answer:
            assert answer.status == 302, await answer.text()
            back = urlsplit(answer.headers["location"])
        page = await http.get(back.path, params=dict(parse_qsl(back.query)))
        assert page.status_code == 200, page.text

    async def pass_time(self, by: timedelta) -> None:
        """Both clocks go on, then every process looks at once what is due."""
        await self.connector.world.advance(by)
        await self.simulator.advance(int(by.total_seconds() * 1000))
        await asyncio.gather(*(keeper.refresh_due() for keeper in self.keepers))
        # it remembers tokens for five seconds, which are weeks here
        self.sender.forget()

    async def say_hello(self, number: int) -> str:
        """Answer a message of the fan; the state in which the attempt ended."""
        said = {"msg_id": f"@m{number}==", "conversation_id": "@conv001==", "from": FAN}
        ids = {"to": OPEN_ID, "messages": [said]}
        await self.simulator.call("/_simulator/messages/register", ids)
        conversation = {"reply_to": f"@m{number}==", "conversation_id": "@conv001=="}
        await self.connector.request(f"op_{number}", f"hello {number}", **conversation)

        async def settled() -> bool:
            return (await self.connector.states())[-1] not in {"queued", "sending"}

        await self.connector.until(settled)
        last = (await self.connector.attempts())[-1]
        return str(last["reason"] or last["state"])

    def issued(self, kind: str) -> list[dict[str, Any]]:
        """The tokens of that kind that the platform gave, oldest first: its record, not ours."""
        found: dict[str, dict[str, Any]] = {}
        for line in self.journal.read_text("utf-8").splitlines():
            record = json.loads(line)
            if record["t"] == "token" and record["kind"] == kind and "demo" not in record["value"]:
                found.setdefault(record["value"], record)
        return list(found.values())

    async def set_lives(self, access_days: int, refresh_days: int) -> None:
        """How long the platform's tokens live from now on."""
        lives = {"access_token_life_s": access_days, "refresh_token_life_s": refresh_days}
        seconds = {name: days * 86400 for name, days in lives.items()}
        await self.simulator.call("/_simulator/manners", seconds)

    async def asked(self) -> list[dict[str, Any]]:
        """What was told each time the owner was asked for."""
        events = await self.connector.events()
        return [e["data"] for e in events if e["type"] == "douyin.authorisation_needed"]

    async def facts(self) -> list[str]:
        """What was told of the authorisation, oldest first."""
        words = ("account_", "authorisation_needed")
        kinds = [e["type"].removeprefix("douyin.") for e in await self.connector.events()]
        return [kind for kind in kinds if kind.startswith(words)]


@pytest.fixture
async def life(worlds: Callable[..., Any], redis_url: str, tmp_path: Path) -> AsyncIterator[Life]:
    door = free_socket()
    folder = tmp_path / "simulator"
    address = f"http://127.0.0.1:{door.getsockname()[1]}/douyin/webhooks/{{client_key}}"
    settings = Settings(data_dir=folder, webhook_url=address, demo_fans=5)
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(running(settings))
        world: World = await stack.enter_async_context(
            worlds("douyin", douyin_api_url=simulator.url)
        )
        await stack.enter_async_context(serving(ByRoute(world.apis), door))
        http = await stack.enter_async_context(OneTry())
        connector = Connector(world, ScriptedPlatform())
        assert (await connector.put_app()).status_code == 200
        await connector.learn(ACCOUNT)
        keepers = []
        for _ in range(PROCESSES):
            resources = resources_for(world.owner_url, redis_url)
            stack.push_async_callback(resources.close)
            database = resources.database("douyin")
            directory = Directory(database, resources.sealer)
            oauth = OAuth(simulator.url, http)
            keepers.append(TokenKeeper(database, resources.sealer, directory, oauth))
        await stack.enter_async_context(dispatching(world.parts[0], alarms=False))
        watch: Any = world.parts[0].worker.handlers["douyin.account_revoked"]
        journal, sender = folder / "journal.jsonl", watch.args[0].directory
        yield Life(connector, simulator, journal, keepers, sender)


@pytest.mark.parametrize(
    ("access_days", "refresh_days", "days", "step"),
    [(6, 12, 60, timedelta(hours=6)), (15, 30, 177, timedelta(hours=20))],
    ids=["sixty days", "the platform's own numbers"],
)
async def test_an_authorisation_lives_through_five_renewals_and_its_owner_is_asked_once(
    life: Life, access_days: int, refresh_days: int, days: int, step: timedelta
) -> None:
    began = time.monotonic()
    await life.set_lives(access_days, refresh_days)
    await life.authorise()
    start = await life.connector.world.now()
    asked_at = ends_at = None
    outcomes: list[tuple[datetime, str]] = []
    for number in range(1000):
        await life.pass_time(step)
        now = await life.connector.world.now()
        if ends_at is None and (asked := await life.asked()):
            asked_at, ends_at = now, datetime.fromisoformat(asked[0]["usable_until"])
        is_near = ends_at is not None and now > ends_at - DAY
        if is_near or number % 4 == 0:
            outcomes.append((now, await life.say_hello(number)))
        if ends_at is not None and now > ends_at + 3 * DAY:
            break

    assert asked_at is not None
    assert ends_at is not None
    assert days - 1 < (ends_at - start) / DAY < days + 5, "renewed as late as it is safe"
    # sent as long as it was authorised, and not a moment longer
    for at, outcome in outcomes:
        assert outcome == ("sent" if at < ends_at else "not_authorised"), at - ends_at
    # one question, days before the end, with the right reason and the right day
    shown = await life.connector.binding()
    assert await life.facts() == ["account_authorised", "authorisation_needed"]
    assert (await life.asked())[0]["reason"] == "renewals_used_up"
    assert ends_at - asked_at > (access_days - 1) * DAY
    assert shown["access_token_expires_at"] == written(ends_at)
    assert shown["state"] == "expired"
    # the platform's record: five renewals, and never a second refresh for the same need
    assert [token["renewals"] for token in life.issued("rft")] == [0, 1, 2, 3, 4, 5]
    ends = [token["expires_at_ms"] for token in life.issued("act")]
    assert min(later - earlier for earlier, later in pairwise(ends)) >= step / MILLISECOND * 0.9
    # no call was ever made with a token that was dead
    assert (await life.simulator.stats())["refused_by_code"] == {}
    assert time.monotonic() - began < 60


async def test_many_processes_and_a_slow_platform_are_one_refresh(life: Life) -> None:
    await life.authorise()
    slow = {
        "kind": "slow",
        "count": 1,
        "delay_ms": 2000,
        "match": {"path": "/oauth/refresh_token/"},
    }
    await life.simulator.call("/_simulator/failures", slow)
    by = timedelta(days=14, hours=2)
    await life.connector.world.advance(by)
    await life.simulator.advance(int(by.total_seconds() * 1000))

    async def look() -> None:
        for _ in range(20):
            await asyncio.gather(*(keeper.refresh_due() for keeper in life.keepers))
            await asyncio.sleep(0.1)

    looking = asyncio.create_task(look())
    assert await life.say_hello(1) == "sent", "the old token is good meanwhile"
    await looking
    assert len(life.issued("act")) == 2, "the first, and its one successor"


async def test_an_owner_who_withdraws_at_the_platform_stops_everything_here(life: Life) -> None:
    await life.authorise()
    assert await life.say_hello(1) == "sent"
    await life.simulator.call("/_simulator/authorisations/withdraw", {"open_id": OPEN_ID})
    await life.connector.until(lambda: revoked(life))
    assert await life.say_hello(2) == "not_authorised"
    assert len(await life.simulator.sent()) == 1
    asked = [kind for kind in await life.facts() if kind == "authorisation_needed"]
    assert len(asked) == 1

    await life.authorise()
    assert await life.say_hello(3) == "sent"
    assert (await life.connector.binding())["authorisation_needed"] is None


async def revoked(life: Life) -> bool:
    await life.connector.world.drain()
    return bool((await life.connector.binding())["state"] == "revoked")


async def test_one_scope_taken_back_leaves_the_account_alive(life: Life) -> None:
    await life.authorise()
    taken = {"open_id": OPEN_ID, "scopes": ["fans.list"]}
    await life.simulator.call("/_simulator/authorisations/withdraw", taken)

    async def taken_back() -> bool:
        await life.connector.world.drain()
        return "fans.list" not in (await life.connector.binding())["scopes"]

    await life.connector.until(taken_back)
    assert (await life.connector.binding())["state"] == "active"
    assert await life.say_hello(1) == "sent"
