"""A service that gives no whole answer is a neighbour that is away, and connections come back."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from shared.errors import NeighbourAway
from shared.http.client import AnswerTooLarge, JsonClient, NeighbourRefuses, OneTry

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@asynccontextmanager
async def answering(how: Callable[[], bytes], *, pause: float = 0) -> AsyncIterator[JsonClient]:
    """A client of a server that says that, after a pause, and hangs up when it says nothing."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"{}") and (answer := how()):
                await asyncio.sleep(pause)
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client hung up
        finally:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        client = JsonClient("http://127.0.0.1:{1}".format(*server.sockets[0].getsockname()))
        try:
            yield client
        finally:
            await client.close()


async def ask(client: JsonClient) -> bytes:
    return await client.post("/x", b"{}", token="t")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        ANSWER.replace(b"2\r", b"200\r") + b"\r\n",
        ANSWER.replace(b"200 OK", b"503 No"),
        ANSWER.replace(b"200 OK", b"307 Go"),
        ANSWER.replace(b"200 OK", b"401 No"),
        ANSWER.replace(b"200 OK", b"404 No"),
    ],
    ids=["hangs up", "no HTTP", "cut short", "no room", "elsewhere", "no key", "another service"],
)
async def test_what_is_no_answer_is_a_neighbour_that_is_away(answer: bytes) -> None:
    answers = [answer, b""]
    async with answering(lambda: answers.pop(0)) as client, asyncio.timeout(6):
        with pytest.raises(NeighbourAway):
            await ask(client)


@pytest.mark.parametrize("status", [b"400", b"413", b"422", b"500"])
async def test_a_request_that_is_refused_is_no_neighbour_that_is_away(status: bytes) -> None:
    answers = [ANSWER.replace(b"200", status), ANSWER]
    async with answering(lambda: answers.pop(0)) as client:
        with pytest.raises(NeighbourRefuses):
            await ask(client)
        assert await ask(client) == b"{}", "the next request is answered"


async def test_a_connection_that_was_hung_up_costs_one_try_at_most() -> None:
    answers = [ANSWER, b"", ANSWER, ANSWER]
    async with answering(lambda: answers.pop(0)) as client:
        assert await ask(client) == b"{}"
        with pytest.raises(NeighbourAway):
            await ask(client)
        assert await ask(client) == b"{}"


async def test_who_gives_up_leaves_no_connection_behind() -> None:
    async with answering(lambda: ANSWER, pause=0.02) as client:
        for after in (0.0, 0.005, 0.015, 0.02, 0.025):
            asked = [asyncio.create_task(ask(client)) for _ in range(150)]  # more than there are
            await asyncio.sleep(after)
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)
        answers = await asyncio.gather(*(ask(client) for _ in range(100)))
    assert set(answers) == {b"{}"}


async def test_a_client_that_was_closed_gets_no_answer() -> None:
    async with answering(lambda: ANSWER) as client:
        assert await ask(client) == b"{}"
        await client.close()
        with pytest.raises(NeighbourAway):
            await ask(client)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n" + b"x" * 100,
        CHUNKED + b"100000\r\n" + b"x" * 0x100000 + b"\r\n" + b"1\r\nx\r\n0\r\n\r\n",
    ],
    ids=["announced", "unannounced"],
)
async def test_nobody_listens_to_an_answer_of_more_than_a_mebibyte(answer: bytes) -> None:
    answers = [answer, answer, ANSWER]
    async with answering(lambda: answers.pop(0)) as client, asyncio.timeout(4):
        with pytest.raises(NeighbourAway):
            await ask(client)
        async with OneTry() as outside:
            with pytest.raises(AnswerTooLarge):
                await outside.post(f"{client.base}/x", b"{}", {}, seconds=3)
        assert await ask(client) == b"{}", "the next one is heard"


async def test_a_mebibyte_is_heard_to_its_end() -> None:
    whole = b"x" * 0x100000
    bodies = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n" + whole,
        CHUNKED
        + b"80000\r\n"
        + whole[:0x80000]
        + b"\r\n80000\r\n"
        + whole[:0x80000]
        + b"\r\n0\r\n\r\n",
    ]
    async with answering(lambda: bodies.pop(0)) as client:
        assert await ask(client) == whole
        assert await ask(client) == whole
