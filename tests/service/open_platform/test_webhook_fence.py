"""No webhook reaches a machine of ours: not by a name, not by a redirect, not by an address that was stored."""

import asyncio
import socket
from collections.abc import Callable
from functools import partial
from typing import Any

import aiohttp
import pytest

from services.open_platform.clients import Receivers
from services.open_platform.domain.destinations import may_connect
from services.open_platform.service import deps_of
from shared.http.client import OneTry
from shared.http.fence import Fence
from tests.support.serving import free_socket

PUBLIC = "93.184.216.34"
OUTSIDE = partial(may_connect, is_private_allowed=False)


class Names(aiohttp.abc.AbstractResolver):
    """A name server that says these, one answer after the other."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[aiohttp.abc.ResolveResult]:
        """The next answer."""
        del family
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            aiohttp.abc.ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in found
        ]

    async def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def canary() -> Any:
    """A listening socket that must not see a connection."""
    with free_socket() as listener:
        listener.listen()
        listener.setblocking(False)
        yield listener
        with pytest.raises(BlockingIOError):
            listener.accept()


async def told(url: str, *answers: list[str]) -> str | None:
    """What a receiver at `url` is said to be, with a name server that says these."""
    fence = Fence(OUTSIDE, Names(*answers or [[PUBLIC]]))
    async with OneTry(connect_seconds=0.2, fence=fence) as http:
        return (await Receivers(http).tell(url, b"{}", {})).trouble


@pytest.mark.parametrize(
    "answers",
    [
        [["127.0.0.1"]],
        [[PUBLIC, "127.0.0.1"]],
        [["127.0.0.1", PUBLIC]],
        [[PUBLIC, "::1"]],
        [["::ffff:127.0.0.1"]],
        [["10.0.0.1"]],
        [["169.254.169.254"]],
        [["64:ff9b::7f00:1"]],
        [["127.0.0.1"], [PUBLIC]],
    ],
    ids=str,
)
async def test_a_name_that_leads_inside_is_refused(
    canary: socket.socket, answers: list[list[str]]
) -> None:
    url = f"http://hooks.example:{canary.getsockname()[1]}/"
    assert await told(url, *answers) == "address_refused"


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "[::]", "0.0.0.0", "10.0.0.1"),
        "[::ffff:7f00:1]",
    ],
)
async def test_an_address_in_the_url_is_refused(canary: socket.socket, host: str) -> None:
    assert await told(f"http://{host}:{canary.getsockname()[1]}/") == "address_refused"


@pytest.mark.parametrize("host", ["127.1", "0x7f.1", "0177.0.0.1", "2130706433", "0", "127.0.1"])
async def test_other_spellings_reach_nothing(canary: socket.socket, host: str) -> None:
    url = f"http://{host}:{canary.getsockname()[1]}/"
    assert await told(url, ["127.0.0.1"]) in {"address_refused", "unreachable"}


async def test_what_was_looked_up_is_what_is_connected_to(canary: socket.socket) -> None:
    # public first, ours a moment later: nobody asks again between the look and the connection
    tried: list[str] = []

    def allows(address: str) -> bool:
        tried.append(address)
        return address != PUBLIC or len(tried) == 1  # let it pass once, stop it at the socket

    fence = Fence(allows, Names([PUBLIC], ["127.0.0.1"]))
    async with OneTry(connect_seconds=0.2, fence=fence) as http:
        url = f"http://hooks.example:{canary.getsockname()[1]}/"
        assert (await Receivers(http).tell(url, b"{}", {})).trouble == "address_refused"
    assert tried == [PUBLIC, PUBLIC]


async def test_an_endpoint_that_was_stored_before_the_rule_is_refused_when_it_is_sent_to(
    worlds: Callable[..., Any], canary: socket.socket
) -> None:
    async with worlds("open_platform") as world, world.parts[0].worker.running():
        deps = deps_of(world.resources)
        place = "open_platform.organization (organization_id, name, created_at)"
        await world.sql(f"INSERT INTO {place} VALUES ('org_1', 'x', now())")
        body = {"url": "https://hooks.example/", "event_types": ["lead.changed"]}
        headers = world.caller("org_1")
        made = (await world.http.post("/v1/webhook-endpoints", json=body, headers=headers)).json()
        inside = f"http://127.0.0.1:{canary.getsockname()[1]}/"
        await world.sql("UPDATE open_platform.webhook_endpoint SET url = $1", inside)
        test = f"/v1/webhook-endpoints/{made['id']}/test"
        asked = await world.http.post(test, headers=headers)
        courier = world.parts[0].worker.background[0].__self__
        await asyncio.gather(*(courier.deliver(each) for each in await courier.claim()))
        shown = (await world.http.get(asked.headers["location"], headers=headers)).json()
        assert shown["reason"] == "address_refused"
        assert not deps.is_private_allowed
