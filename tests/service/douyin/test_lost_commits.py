"""The word of a commit is lost: what was claimed in it is sent all the same, once, and is no doubt."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import web

from shared.errors import NeighbourAway
from shared.runtime.worker import Running, assemble
from tests.service.douyin.conftest import Connector, dispatching
from tests.service.douyin.platform import ScriptedPlatform, accept, after
from tests.support.lossy import LossyLine, lossy_line
from tests.support.world import resources_for


@dataclass
class Far:
    """A worker of the connector behind a line that loses commits."""

    quiet: Connector
    part: Running
    line: LossyLine

    async def take(self, *envelopes: Any) -> None:
        await self.part.worker.handlers["direct_messages.send_requested"](list(envelopes))


@pytest.fixture
async def far(quiet: Connector, redis_url: str) -> AsyncIterator[Far]:
    async with lossy_line(quiet.world.owner_url) as line:
        resources = resources_for(line.url, redis_url, douyin_api_url=quiet.platform.url)
        part = assemble(quiet.world.services[0], resources)
        async with dispatching(part, alarms=False):
            yield Far(quiet, part, line)
        await resources.close()


async def test_what_was_taken_in_with_it_is_sent(far: Far) -> None:
    request = await far.quiet.a_request("op_1", "hi")
    far.line.to_lose = 1
    with pytest.raises(NeighbourAway):
        await far.take(request)
    assert await far.quiet.states() == ["sending"], "it was committed"
    await far.take(request)  # the lane takes it again
    await far.quiet.until_states("sent")
    assert far.quiet.platform.texts() == ["hi"]


async def test_what_was_to_go_next_is_sent_when_the_settlement_is_written_again(far: Far) -> None:
    async def accept_and_lose(platform: ScriptedPlatform, body: dict[str, Any]) -> web.Response:
        far.line.to_lose = 1
        return await accept(platform, body)

    far.quiet.platform.script.append(accept_and_lose)
    await far.take(await far.quiet.a_request("op_1", "a", "b", "c"))
    await far.quiet.until_states("sent", "sent", "sent")
    assert far.line.lost == 1
    assert far.quiet.platform.texts() == ["a", "b", "c"]


async def test_what_waited_is_sent_although_several_words_are_lost(far: Far) -> None:
    await far.quiet.request("op_1", "hi")  # claimed by a process that then stops
    await far.quiet.world.sql(
        "UPDATE douyin.attempt SET state = 'queued', lease_until = NULL, tries = 0"
    )
    far.line.to_lose = 3  # of the claim, and of looking for it twice
    with pytest.raises(NeighbourAway):
        await far.take(await far.quiet.a_request("op_2", "ho"))
    await far.quiet.until_states("sent", "sent")
    assert (far.line.to_lose, far.quiet.platform.texts()) == (0, ["hi", "ho"])


async def test_a_process_that_stops_gives_back_what_it_claimed_unheard(
    quiet: Connector, redis_url: str
) -> None:
    quiet.platform.always = after(5)
    async with lossy_line(quiet.world.owner_url) as line:
        resources = resources_for(line.url, redis_url, douyin_api_url=quiet.platform.url)
        part = assemble(quiet.world.services[0], resources)
        stopping = Far(quiet, part, line)
        async with dispatching(part, alarms=False):
            await asyncio.sleep(0)
            line.to_lose = 1
            with pytest.raises(NeighbourAway):
                await stopping.take(await quiet.a_request("op_1", "hi"))
        await resources.close()
    assert (await quiet.states(), quiet.platform.calls) == (["queued"], [])
