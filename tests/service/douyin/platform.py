"""A platform that answers what a test tells it to: for answers that the simulator cannot be scripted to give."""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

Answer = Callable[["ScriptedPlatform", dict[str, Any]], Awaitable[web.Response | None]]


@dataclass
class Sent:
    """One call to send, as it came."""

    open_id: str
    token: str
    body: dict[str, Any]
    raw: bytes
    began: float
    ended: float = 0.0

    @property
    def text(self) -> str:
        text: str = self.body["content"]["text"]["text"]
        return text


@dataclass
class Gate:
    """Holds answers back until a test opens it."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class Asked:
    """One other call, as it came."""

    method: str
    path: str
    query: dict[str, str]
    token: str
    body: bytes
    headers: Mapping[str, str]

    @property
    def fields(self) -> dict[str, Any]:
        found: dict[str, Any] = orjson.loads(self.body)
        return found


Reply = dict[str, Any] | bytes | None  # JSON, whatever bytes, or a line that goes dead


@dataclass
class ScriptedPlatform:
    """Takes every message unless a script says otherwise; remembers all calls."""

    url: str = ""
    calls: list[Sent] = field(default_factory=list)
    accepted: list[Sent] = field(default_factory=list)
    script: deque[Answer] = field(default_factory=deque)
    always: Answer | None = None
    refreshes: list[dict[str, str]] = field(default_factory=list)
    client_tokens: int = 0
    client_token_answers: deque[dict[str, Any]] = field(default_factory=deque)
    good_tokens: set[str] | None = None
    refresh_answer: dict[str, Any] | None = None
    renewals: list[dict[str, str]] = field(default_factory=list)
    renew_answer: dict[str, Any] | None = None
    exchanges: list[dict[str, str]] = field(default_factory=list)
    exchange_answer: dict[str, Any] | None = None
    granted_open_id: str = "biz-open-id-0001"
    token_seconds: float = 0.05  # how long it thinks about a token
    refreshing: int = 0
    most_refreshing: int = 0
    asked: list[Asked] = field(default_factory=list)
    answers: dict[str, deque[Reply]] = field(default_factory=lambda: defaultdict(deque))
    gates: dict[str, Gate] = field(default_factory=dict)  # of these paths, answers wait
    _number: int = 0

    def texts(self) -> list[str]:
        return [sent.text for sent in self.accepted]

    def new_id(self) -> str:
        self._number += 1
        return f"@out{self._number:04}=="

    async def send(self, request: web.Request) -> web.Response:
        raw = await request.read()
        loop = asyncio.get_running_loop()
        token = request.headers["access-token"]
        sent = Sent(request.query["open_id"], token, orjson.loads(raw), raw, loop.time())
        self.calls.append(sent)
        answer = self.script.popleft() if self.script else self.always or accept
        if self.good_tokens is not None and token not in self.good_tokens:
            answer = reply({"data": {"error_code": 28001008}, "extra": {"error_code": 28001008}})
        try:
            response = await answer(self, sent.body)
            if response is None:
                assert request.transport is not None
                request.transport.close()
                return web.Response()
            return response
        finally:
            sent.ended = loop.time()

    def will(self, path: str, *answers: Reply) -> None:
        """Answer calls to that path with these, one after the other; the last one stays."""
        self.answers[path] = deque(answers)

    async def ask(self, request: web.Request) -> web.StreamResponse:
        """Any other question."""
        body = await request.read()
        token = request.headers.get("access-token", "")
        self.asked.append(
            Asked(request.method, request.path, dict(request.query), token, body, request.headers)
        )
        if gate := self.gates.get(request.path):
            gate.reached.set()
            await gate.opened.wait()
        script = self.answers[request.path]
        if not script:
            return _json({"data": {"error_code": 28001017}, "extra": {"error_code": 28001017}})
        answer = script.popleft() if len(script) > 1 else script[0]
        if answer is None:
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        if isinstance(answer, bytes):
            return web.Response(body=answer, content_type="text/html")
        return _json(answer)

    async def refresh(self, request: web.Request) -> web.Response:
        self.refreshes.append({k: str(v) for k, v in (await request.post()).items()})
        self.refreshing += 1
        self.most_refreshing = max(self.most_refreshing, self.refreshing)
        await asyncio.sleep(self.token_seconds)
        self.refreshing -= 1
        number = len(self.refreshes)
        data = {
            "error_code": 0,
            "access_token": f"act.new{number}",
            "expires_in": 1296000,
            "refresh_token": "rft.same",
            "refresh_expires_in": 2592000,
        }
        return _json(self.refresh_answer or {"data": data, "message": "success"})

    async def renew(self, request: web.Request) -> web.Response:
        self.renewals.append({k: str(v) for k, v in (await request.post()).items()})
        data = {"error_code": "0", "refresh_token": f"rft.renewed{len(self.renewals)}"}
        return _json(
            self.renew_answer or {"data": {**data, "expires_in": "2592000"}, "message": "success"}
        )

    async def exchange(self, request: web.Request) -> web.Response:
        self.exchanges.append({k: str(v) for k, v in (await request.post()).items()})
        data = {
            "error_code": 0,
            "access_token": f"act.code{len(self.exchanges)}",
            "expires_in": 1296000,
            "refresh_token": "rft.code",
            "refresh_expires_in": 2592000,
            "open_id": self.granted_open_id,
            "scope": "user_info,fans.list",
        }
        return _json(self.exchange_answer or {"data": data, "message": "success"})

    async def client_token(self, request: web.Request) -> web.Response:
        await request.read()
        if self.client_token_answers:
            return _json(self.client_token_answers.popleft())
        self.client_tokens += 1
        data = {"error_code": 0, "access_token": f"clt.{self.client_tokens}", "expires_in": 7200}
        return _json({"data": data, "message": "success"})


def _json(fields: dict[str, Any], status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(fields), status=status, content_type="application/json")


async def accept(platform: ScriptedPlatform, body: dict[str, Any]) -> web.Response:
    """The message is taken."""
    msg_id = platform.new_id()
    platform.accepted.append(platform.calls[-1])
    codes = {"error_code": 0, "description": ""}
    return _json({"extra": {**codes, "logid": "log-1", "now": 1}, "data": codes, "msg_id": msg_id})


async def accept_and_hang_up(platform: ScriptedPlatform, body: dict[str, Any]) -> None:
    """The message is taken, and the answer is lost."""
    platform.accepted.append(platform.calls[-1])


async def hang_up(platform: ScriptedPlatform, body: dict[str, Any]) -> None:
    """The message is not taken, and there is no answer."""


def reply(fields: dict[str, Any], status: int = 200) -> Answer:
    """Answer this and take nothing."""

    async def answer(platform: ScriptedPlatform, body: dict[str, Any]) -> web.Response:
        return _json(fields, status)

    return answer


def after(seconds: float, then: Answer = accept) -> Answer:
    """Answer late."""

    async def answer(platform: ScriptedPlatform, body: dict[str, Any]) -> web.Response | None:
        await asyncio.sleep(seconds)
        return await then(platform, body)

    return answer


@asynccontextmanager
async def scripted_platform() -> AsyncIterator[ScriptedPlatform]:
    """A platform on a free port."""
    platform = ScriptedPlatform()
    app = web.Application(client_max_size=20 * 1024 * 1024)
    app.router.add_post("/im/send/msg/", platform.send)
    app.router.add_post("/oauth/refresh_token/", platform.refresh)
    app.router.add_post("/oauth/renew_refresh_token/", platform.renew)
    app.router.add_post("/oauth/access_token/", platform.exchange)
    app.router.add_post("/oauth/client_token/", platform.client_token)
    app.router.add_route("*", "/{path:.*}", platform.ask)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    platform.url = f"http://{host}:{port}"
    try:
        yield platform
    finally:
        await runner.cleanup()
