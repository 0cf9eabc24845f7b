"""The real thing, started as a user starts it, and looked at from outside."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import redis

from services.embedded.data_directory import DataDirectory
from services.embedded.servers.choice import choose_servers
from services.embedded.servers.ports import free_port
from shared.http.principal import Tokens
from shared.sealing import Sealer
from tests.e2e import wire

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("open_platform", "fans", "quota", "douyin", "direct_messages")
_WORDS = {"application": b"services.embedded\0application\0", "simulator": b"douyin_simulator\0"}
_PID_FILES = {"postgres": "postgres/cluster/postmaster.pid", "valkey": "valkey/data/valkey.pid"}
START_SECONDS = 90.0


class House:
    """One data directory and the `siyu up` on it."""

    def __init__(self, folder: Path, **environment: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.data = folder / "var"
        self.port, self.simulator_port = free_port(), free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.simulator = f"http://127.0.0.1:{self.simulator_port}"
        self.output = folder / "up.output"
        self.http = httpx2.Client(timeout=10, trust_env=False)
        self._more = environment
        self._up: subprocess.Popen[bytes] | None = None

    # ------------------------------------------------------------------------- start and stop

    def start(self) -> float:
        """Start everything; how many seconds until it was ready."""
        began = time.monotonic()
        with self.output.open("wb") as output:
            self._up = subprocess.Popen(
                [sys.executable, "-m", "services.embedded", "up"],
                cwd=ROOT,
                env=self.environment(),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        up = self._up
        eventually(
            lambda: "Siyu is ready" in self.said() or up.poll() is not None,
            within=START_SECONDS,
            why=self.said,
        )
        assert up.poll() is None, self.said()
        return time.monotonic() - began

    def restart(self, **environment: str) -> None:
        """Stop everything and start it with another environment, on the same data and ports."""
        self._end()
        self._more = environment
        self.start()

    def stop(self) -> None:
        """Stop everything; nothing may be left."""
        self.http.close()
        self._end()

    def _end(self) -> None:
        if self._up is None:
            return
        self._up.terminate()
        try:
            code = self._up.wait(40)
        except subprocess.TimeoutExpired:
            self._up.kill()
            self._up.wait()
            raise
        self._up = None
        eventually(lambda: not self.processes(), within=5, why=self.processes)
        assert code == 0, self.said()

    def environment(self) -> dict[str, str]:
        """What `siyu` is started with."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("SIYU_")}
        for name in ("DATABASE_URL", "REDIS_URL"):
            inherited.pop(name, None)
        mine = {
            "SIYU_DATA_DIR": str(self.data),
            "SIYU_PORT": str(self.port),
            "SIYU_SIMULATOR_PORT": str(self.simulator_port),
        }
        return {**inherited, **mine, **self._more}

    def said(self) -> str:
        """What the supervisor printed."""
        return self.output.read_text("utf-8") if self.output.exists() else ""

    def siyu(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a `siyu` command."""
        return subprocess.run(
            [sys.executable, "-m", "services.embedded", *words],
            cwd=ROOT,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    # ------------------------------------------------------------------------------- its parts

    @property
    def demo(self) -> dict[str, str]:
        """The facts of demo.json."""
        found: dict[str, str] = json.loads((self.data / "demo.json").read_text("utf-8"))
        return found

    def pid(self, part: str) -> int:
        """The process of `application`, `simulator`, `postgres` or `valkey`; 0 when it is down."""
        if part in _PID_FILES:
            with contextlib.suppress(OSError, ValueError, IndexError):
                return int((self.data / _PID_FILES[part]).read_text().splitlines()[0])
            return 0
        return next((pid for pid, words in self._processes() if _WORDS[part] in words), 0)

    def children(self, parent: int) -> list[int]:
        """The processes that `parent` has started."""
        return [
            int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        ]

    def kill(self, part: str, number: signal.Signals = signal.SIGKILL) -> bool:
        """End a part as an accident would; whether it ran."""
        pid = self.pid(part)
        with contextlib.suppress(ProcessLookupError):
            if pid:
                os.kill(pid, number)
                return True
        return False

    def processes(self) -> list[str]:
        """Everything that runs for this house."""
        return [f"{pid} {words.decode(errors='replace')}" for pid, words in self._processes()]

    def _processes(self) -> Iterator[tuple[int, bytes]]:
        mark = bytes(self.data)
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if (entry / "stat").read_text().rpartition(")")[2].split()[0] == "Z":
                    continue
                words = (entry / "cmdline").read_bytes()
                facts = words + (entry / "environ").read_bytes() + bytes((entry / "cwd").readlink())
                if mark in facts and int(entry.name) != os.getpid():
                    yield int(entry.name), words

    def log(self, part: str) -> str:
        """What a part logged."""
        return (self.data / "logs" / f"{part}.log").read_text("utf-8", "replace")

    # ------------------------------------------------------------------------ talking and seeing

    def post(self, body: bytes, headers: dict[str, str] | None = None) -> httpx2.Response:
        """Post a webhook, signed if nothing else is said."""
        heading = wire.headers(body) if headers is None else headers
        return self.http.post(self.hook, content=body, headers=heading)

    @property
    def hook(self) -> str:
        """Where webhooks go."""
        return f"{self.base}/douyin/webhooks/{wire.CLIENT_KEY}"

    def say(self, inbound: wire.Inbound) -> httpx2.Response:
        """A fan's message that the platform knows, posted by us."""
        known = {
            "msg_id": inbound.message_id,
            "conversation_id": inbound.conversation,
            "from": inbound.fan,
        }
        self.control("messages/register", {"messages": [known]})
        return self.post(inbound.body())

    def control(self, what: str, body: dict[str, Any]) -> Any:
        """Use one of the simulator's controls."""
        answer = self.http.post(f"{self.simulator}/_simulator/{what}", json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def sent(self, **wanted: str) -> list[dict[str, Any]]:
        """What the platform accepted, in order, as far as it matches."""
        found: list[dict[str, Any]] = []
        after = 0
        while True:
            url = f"{self.simulator}/_simulator/sent?after={after}"
            page = self.http.get(url).json()
            if not page["messages"]:
                break
            found += page["messages"]
            after = page["next_after"]
        return [one for one in found if all(one[k] == v for k, v in wanted.items())]

    def api(self, method: str, path: str, **more: Any) -> httpx2.Response:
        """Call the API with the demo's key."""
        heading = {"Authorization": f"Bearer {self.demo['api_key']}", **more.pop("headers", {})}
        return self.http.request(method, f"{self.base}{path}", headers=heading, **more)

    @property
    def database_url(self) -> str:
        """PostgreSQL, as its owner."""
        url = choose_servers(DataDirectory(self.data), None, None).database_url
        return url.replace("+asyncpg", "")

    def rows(self, sql: str, *values: object) -> list[dict[str, Any]]:
        """Look into PostgreSQL as its owner, past every wall."""

        async def ask() -> list[dict[str, Any]]:
            connection = await asyncpg.connect(self.database_url)
            try:
                return [dict(row) for row in await connection.fetch(sql, *values)]
            finally:
                await connection.close()

        with ThreadPoolExecutor(1) as apart:  # a browser's loop may be running in this thread
            return apart.submit(asyncio.run, ask()).result()

    def internal_token(self) -> str:
        """What one of our services shows another."""
        key = (self.data / "master.key").read_text("utf-8").strip()
        return Tokens(Sealer(key.encode())).issue_internal("test")

    def is_ready(self) -> bool:
        """Whether every part does its work."""
        with contextlib.suppress(httpx2.HTTPError, ValueError):
            ready = self.http.get(f"{self.base}/readyz").json()["status"] == "ready"
            return ready and self.http.get(f"{self.simulator}/readyz").is_success
        return False

    def at_rest(self) -> bool:
        """Whether no event is on its way between services and no message to the platform."""
        outboxes = " + ".join(f"(SELECT count(*) FROM {name}.outbox)" for name in SERVICES)
        attempts = "SELECT count(*) FROM douyin.attempt WHERE state IN ('queued', 'sending')"
        return bool(self.rows(f"SELECT {outboxes} + ({attempts}) = 0 AS rest")[0]["rest"])

    def decision(self, inbound: wire.Inbound) -> dict[str, Any]:
        """The whole story of a message, from the API, once it is decided."""
        sql = "SELECT id FROM direct_messages.message WHERE platform_message_id = $1"
        eventually(lambda: self.rows(sql, inbound.message_id), 15, lambda: f"{inbound} undecided")
        message_id = self.rows(sql, inbound.message_id)[0]["id"]
        answer = self.api("GET", f"/v1/messages/{message_id}/decision")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def carrier(self) -> redis.Redis:
        """Valkey; the caller closes it."""
        url = choose_servers(DataDirectory(self.data), None, None).redis_url
        return redis.Redis.from_url(url, socket_timeout=2)


def eventually(
    question: Callable[[], object], within: float = 10.0, why: Callable[[], object] = lambda: ""
) -> float:
    """Wait for a yes and return how long it took."""
    began = time.monotonic()
    while not question():
        assert time.monotonic() - began < within, why()
        time.sleep(0.02)
    return time.monotonic() - began


def texts(messages: Sequence[dict[str, Any]]) -> list[str]:
    """What accepted messages say."""
    return [one["content"]["text"]["text"] for one in messages]
