"""The fault proxies: what each fault does to a connection, and that it ends when it is healed."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable

import pytest

from tests.faults.links import Link, Wires


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while line := await reader.readline():
        writer.write(line.upper())
        await writer.drain()
    writer.close()


@pytest.fixture
async def server() -> AsyncIterator[int]:
    listening = await asyncio.start_server(_echo, "127.0.0.1", 0)
    async with listening:
        yield int(listening.sockets[0].getsockname()[1])


@pytest.fixture
async def link(server: int) -> AsyncIterator[tuple[Wires, Link]]:
    wires = Wires(seed=7)
    try:
        yield wires, wires.add("a→b", ("127.0.0.1", server))
    finally:
        wires.close()


async def _ask(link: Link, line: bytes = b"hello\n", within: float = 2.0) -> bytes:
    async with asyncio.timeout(within):
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        try:
            writer.write(line)
            return await reader.readline()
        finally:
            writer.transport.abort()


async def _cut(asked: Awaitable[bytes]) -> bool:
    """Whether the connection was reset, or closed without a word."""
    try:
        return await asyncio.wait_for(asked, 2) == b""
    except ConnectionError:
        return True


async def test_without_a_fault_everything_passes(link: tuple[Wires, Link]) -> None:
    assert await _ask(link[1]) == b"HELLO\n"


async def test_a_delay_is_felt_both_ways(link: tuple[Wires, Link]) -> None:
    link[1].delay = 0.1
    began = time.monotonic()
    assert await _ask(link[1]) == b"HELLO\n"
    assert time.monotonic() - began >= 0.2
    assert link[1].seen["delayed"] == 2


async def test_a_link_that_is_down_resets_and_comes_back(link: tuple[Wires, Link]) -> None:
    link[1].is_down = True
    assert await _cut(_ask(link[1]))
    link[1].heal()
    assert await _ask(link[1]) == b"HELLO\n"
    assert link[1].seen["refused"] == 1


async def test_one_way_may_be_silent_and_what_was_sent_comes_late(
    link: tuple[Wires, Link],
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", link[1].port)
    link[1].silent = frozenset({"back"})
    writer.write(b"hello\n")
    answer = asyncio.ensure_future(reader.readline())
    await asyncio.sleep(0.2)
    assert not answer.done()
    link[1].heal()
    assert await asyncio.wait_for(answer, 2) == b"HELLO\n"
    writer.close()


async def test_a_connection_can_be_reset_while_it_is_used(link: tuple[Wires, Link]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", link[1].port)
    writer.write(b"hello\n")
    assert await reader.readline() == b"HELLO\n"
    link[0].sever(link[1])
    assert await _cut(reader.readline())
    assert link[1].seen["reset"] == 1


async def test_a_request_is_delivered_and_its_reply_lost(link: tuple[Wires, Link]) -> None:
    link[1].cuts_after = b"COMMIT"
    assert await _ask(link[1], b"select\n") == b"SELECT\n"
    assert await _cut(_ask(link[1], b"COMMIT\n"))
    assert link[1].seen["reply_lost"] == 1


async def test_a_narrow_link_takes_its_time(link: tuple[Wires, Link]) -> None:
    link[1].rate = 10_000
    began = time.monotonic()
    assert len(await _ask(link[1], b"x" * 999 + b"\n")) == 1000
    assert time.monotonic() - began >= 0.2


async def test_of_two_targets_one_that_is_away_is_not_asked(server: int) -> None:
    wires = Wires(seed=7)
    try:
        link = wires.add("a→bs", ("127.0.0.1", 1), ("127.0.0.1", server))
        assert [await _ask(link) for _ in range(4)] == [b"HELLO\n"] * 4
    finally:
        wires.close()
