"""An open-loop generator of HTTP posts over keep-alive connections, and signed webhooks for it.

At a given rate a post is due at its time whether or not those before it were answered: what waits
for a free connection waits on the clock of its latency.
"""

import asyncio
import hashlib
import json
import time
from collections.abc import Coroutine, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httptools
import uvloop

from tests.load.words import said

SECRET = "0123456789abcdef0123456789abcdef"
CLIENT_KEY = "awtest0123456789"
SHOP = "biz-open-id-0001"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Post:
    """One request as it goes over the wire."""

    id: str
    request: bytes


@dataclass(frozen=True, slots=True)
class Dm(Post):
    """One message of a fan, as a signed webhook."""

    conversation_id: str
    fan: str


@dataclass(slots=True)
class Outcome:
    """What happened to a run of posts. Times in seconds of `time.time()`."""

    acknowledged: dict[str, tuple[float, float]] = field(default_factory=dict)  # id → due, answered
    refused: dict[str, int] = field(default_factory=dict)
    bodies: dict[str, bytes] = field(default_factory=dict)
    seconds: float = 0.0  # from the first post to the last answer
    cpu: float = 0.0  # seconds of CPU that the generator itself used

    def latencies(self) -> list[float]:
        """Milliseconds from when each was due to its answer."""
        return [(after - due) * 1000 for due, after in self.acknowledged.values()]


def a_fan(crowd: str, number: int) -> str:
    """The open id of fan `number` of a crowd."""
    return f"bench-{crowd}-{number:06d}"


def a_dm(run: str, number: int, fans: int, crowd: str = "") -> Dm:
    """Message `number` of `run`; `fans` fans of `crowd` (by default the run's own) write in turn."""
    fan = a_fan(crowd or run, number % fans)
    conversation_id, message_id = f"@conv-{fan}==", f"@{run}-m{number}=="
    content = {
        "conversation_short_id": conversation_id,
        "server_message_id": message_id,
        "conversation_type": 1,
        "create_time": int(time.time() * 1000),
        "message_type": "text",
        "source": "",
        "scene_type": 100,
        "text": said(number),
        "user_infos": [
            {"open_id": fan, "nick_name": "粉丝", "avatar": "https://example.com/a.jpeg"}
        ],
    }
    body = json.dumps(
        {
            "event": "im_receive_msg",
            "client_key": CLIENT_KEY,
            "from_user_id": fan,
            "to_user_id": SHOP,
            "log_id": f"log{number}",
            "content": content,
        },
        ensure_ascii=False,
        separators=(",", ":"),
    ).encode()
    signature = hashlib.sha1(SECRET.encode() + body, usedforsecurity=False).hexdigest()
    headers = {"X-Douyin-Signature": signature, "Msg-Id": message_id}
    request = a_request(f"/douyin/webhooks/{CLIENT_KEY}", body, headers)
    return Dm(message_id, request, conversation_id, fan)


def a_request(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """A POST as it goes over the wire; of JSON, unless `headers` say that it is something else."""
    shown = {"Host": "siyu", "Content-Type": "application/json", **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in shown.items())
    head = f"POST {path} HTTP/1.1\r\n{lines}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def run_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run it in the loop that costs least, since the generator shares the machine."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def post_all(
    port: int, posts: Iterable[Post], *, rate: float | None, connections: int, keep: bool = False
) -> Outcome:
    """Post each once; `rate` a second, or as fast as the connections allow (None).

    `keep`: the answers' bodies, too. Raises ConnectionError when the other side hangs up.
    """
    return run_loop(_post_all(port, _Run(enumerate(posts), rate, keep=keep), connections))


async def _post_all(port: int, run: "_Run", connections: int) -> Outcome:
    loop, cpu = asyncio.get_running_loop(), time.process_time()
    run.done = loop.create_future()
    makes = (
        loop.create_connection(lambda: _Connection(run, loop), "127.0.0.1", port)
        for _ in range(connections)
    )
    opened = await asyncio.gather(*makes)
    run.began, run.epoch, run.working = loop.time(), time.time(), connections
    for _, connection in opened:
        connection.post_next()
    await run.done
    run.outcome.seconds = loop.time() - run.began
    run.outcome.cpu = time.process_time() - cpu
    for transport, _ in opened:
        transport.close()
    return run.outcome


class _Run:
    """The posts that are left, and what happened to those that are not."""

    def __init__(
        self, posts: Iterator[tuple[int, Post]], rate: float | None, *, keep: bool
    ) -> None:
        self.posts, self.rate, self.keep = posts, rate, keep
        self.outcome = Outcome()
        self.began = self.epoch = 0.0
        self.working = 0
        self.done: asyncio.Future[None]

    def finish_one(self) -> None:
        """A connection has nothing left to do."""
        self.working -= 1
        if not self.working and not self.done.done():
            self.done.set_result(None)


class _Connection(asyncio.Protocol):
    """Posts one after the other. Also the listener of its own parser of answers."""

    def __init__(self, run: _Run, loop: asyncio.AbstractEventLoop) -> None:
        self._run, self._loop = run, loop
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.WriteTransport
        self._post: Post | None = None
        self._due = 0.0
        self._body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # of TCP, so it can be written

    def post_next(self) -> None:
        """Take the next post, and send it when it is due."""
        number, self._post = next(self._run.posts, (0, None))
        if self._post is None:
            self._run.finish_one()
            return
        if self._run.rate is None:
            self._due = time.time()
            self._transport.write(self._post.request)
            return
        after = number / self._run.rate
        self._due = self._run.epoch + after
        wait = self._run.began + after - self._loop.time()
        if wait > 0:
            self._loop.call_later(wait, self._transport.write, self._post.request)
        else:
            self._transport.write(self._post.request)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._post is not None and not self._run.done.done():
            self._run.done.set_exception(ConnectionError(f"hung up before an answer: {exc}"))

    # what the parser tells

    def on_body(self, body: bytes) -> None:
        if self._run.keep:
            self._body += body

    def on_message_complete(self) -> None:
        post, outcome = self._post, self._run.outcome
        assert post is not None, "an answer that nobody asked for"
        status = self._parser.get_status_code()
        if status == 200:
            outcome.acknowledged[post.id] = (self._due, time.time())
        else:
            outcome.refused[post.id] = status
        if self._run.keep:
            outcome.bodies[post.id], self._body = self._body, b""
        self._parser = httptools.HttpResponseParser(self)
        self.post_next()
