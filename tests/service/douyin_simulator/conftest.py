"""The simulator on a real loopback socket, and a tiny receiver in the place of our webhook door."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web

from services.douyin_simulator.service import create_app
from services.douyin_simulator.settings import Settings
from tests.support.serving import free_socket, serving

Json = dict[str, Any]
ACCOUNT, FAN, CONVERSATION = "biz-open-id-0001", "fan-open-id-0001", "@conv001=="
TOKEN = "act.x"


@dataclass
class Delivery:
    """One post that arrived at the receiver."""

    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def json(self) -> Json:
        parsed: Json = orjson.loads(self.body)
        return parsed

    @property
    def content(self) -> Json:
        content = self.json["content"]
        decoded: Json = orjson.loads(content) if isinstance(content, str) else content
        return decoded


@dataclass
class Receiver:
    """Answers 200 unless `answers` says otherwise; a callable may take its time."""

    url: str = ""
    deliveries: list[Delivery] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    reply: Callable[[Delivery], Json] = lambda _: {}
    pause_s: float = 0

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        now = asyncio.get_running_loop().time()
        delivery = Delivery(dict(request.headers), body, now)
        self.deliveries.append(delivery)
        if self.pause_s:
            await asyncio.sleep(self.pause_s)
        status = self.statuses.pop(0) if self.statuses else 200
        return web.json_response(self.reply(delivery), status=status)

    async def gets(self, number: int, *, event: str | None = None) -> list[Delivery]:
        """Wait until this many events (of one name) have arrived."""
        found: list[Delivery] = []
        for _ in range(400):
            found = [one for one in self.deliveries if event in (None, one.json["event"])]
            if len(found) >= number:
                return found
            await asyncio.sleep(0.01)
        raise AssertionError(f"{len(found)} of {number} events arrived")


@dataclass
class Platform:
    """The simulator as its callers see it."""

    url: str
    http: aiohttp.ClientSession

    async def call(self, path: str, body: object = None, *, method: str = "POST") -> Json:
        """One control that is expected to work."""
        data = None if body is None else orjson.dumps(body)
        async with self.http.request(method, self.url + path, data=data) as answer:
            text = await answer.read()
            assert answer.status in (200, 201), text
            parsed: Json = orjson.loads(text)
            return parsed

    async def get(self, path: str) -> Json:
        return await self.call(path, method="GET")

    async def status_of(self, path: str, data: bytes, method: str = "POST") -> tuple[int, Json]:
        async with self.http.request(method, self.url + path, data=BytesIO(data)) as answer:
            return answer.status, orjson.loads(await answer.read())

    async def send(self, msg_id: str = "@msg001==", **changes: Any) -> Json:
        """A text to the fan; `changes` replaces fields of the body."""
        body = {
            "scene": "im_reply_msg",
            "msg_id": msg_id,
            "conversation_id": CONVERSATION,
            "to_user_id": FAN,
            "content": {"msg_type": 1, "text": {"text": "您好"}},
            **changes,
        }
        return await self.send_raw(orjson.dumps(body))

    async def send_raw(self, body: bytes, token: str = TOKEN, open_id: str = ACCOUNT) -> Json:
        url = f"{self.url}/im/send/msg/?open_id={open_id}"
        headers = {"access-token": token, "Content-Type": "application/json"}
        async with self.http.post(url, data=body, headers=headers) as answer:
            assert answer.status == 200
            parsed: Json = orjson.loads(await answer.read())
            return parsed

    async def says(self, text: str = "你好，多少钱", **fields: Any) -> Json:
        said = {"from": FAN, "to": ACCOUNT, "text": text, **fields}
        return await self.call("/_simulator/messages", said)

    async def enters(self) -> str:
        said = {"from": FAN, "to": ACCOUNT, "event": "enter"}
        msg_id: str = (await self.call("/_simulator/messages", said))["msg_id"]
        return msg_id

    async def sent(self) -> list[Json]:
        messages: list[Json] = (await self.get("/_simulator/sent"))["messages"]
        return messages

    async def advance(self, milliseconds: int) -> None:
        await self.call("/_simulator/clock", {"advance_ms": milliseconds})

    async def fails(self, kind: str, **order: Any) -> int:
        """Order a failure, once unless said otherwise."""
        wanted = {"kind": kind, **({"count": 1} if "probability" not in order else {}), **order}
        number: int = (await self.call("/_simulator/failures", wanted))["id"]
        return number

    async def stats(self) -> Json:
        return await self.get("/_simulator/stats")


Start = Callable[..., contextlib.AbstractAsyncContextManager[Platform]]


def code_of(answer: Json) -> int:
    """The error code of an answer in E1, E1-flat or E2."""
    code = answer["data"]["error_code"] if "extra" in answer else answer["err_no"]
    return int(code)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    app = web.Application()
    app.router.add_post("/{path:.*}", made.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    made.url = f"http://{host}:{port}/douyin/webhooks/{{client_key}}"
    yield made
    await runner.cleanup()


@contextlib.asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Platform]:
    """Serve the simulator on a free port until the block ends."""
    with free_socket() as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with (
            serving(create_app(settings), listener, lifespan="on"),
            aiohttp.ClientSession() as http,
        ):
            yield Platform(url, http)


@pytest.fixture
def start(receiver: Receiver, tmp_path: Path) -> Start:
    """Start a simulator on the test's data directory; again, to restart it."""

    def begin(**changes: Any) -> contextlib.AbstractAsyncContextManager[Platform]:
        usual = {
            "data_dir": tmp_path / "simulator",
            "webhook_url": receiver.url,
            "access_token": TOKEN,
            "webhook_retry_after_s": (0.05, 0.05, 0.05),
            "demo_fans": 20,
        }
        return running(Settings(**{**usual, **changes}))

    return begin


@pytest.fixture
async def platform(start: Start) -> AsyncIterator[Platform]:
    async with start() as made:
        yield made
