"""The lab: real PostgreSQL and Valkey, every service as its own process, a link on every edge.

Whoever dies is started again, as by the supervisor of a production machine. Nothing is left running
when the lab is closed, whatever happened in it.
"""

import asyncio
import contextlib
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import redis

from services.embedded.servers import CannotStart, Command, PostgresServer, ValkeyServer
from services.embedded.servers.process import ChildProcess
from tests.e2e import wire
from tests.faults.deeds import Deeds
from tests.faults.links import Link, Wires
from tests.faults.members import SIMULATOR, Member, Servers, build
from tests.faults.pace import Pace
from tests.faults.waiting import until

_LOOK_SECONDS = 0.05
_START_SECONDS = 180.0
_LOOPS = 10  # ends within _LOOP_SECONDS, without a scenario that wants them, are a crash loop
_LOOP_SECONDS = 20.0
_STOPS_WITHIN = 30.0  # seconds, also for one that stands still when it is asked
_PAGE = 5000


class Lab:
    """Everything of one run. `tend` must be running while it is used."""

    def __init__(
        self,
        folder: Path,
        seed: int,
        by: Sequence[str] = ("services.embedded",),
        port: int = 0,
    ) -> None:
        self.folder, self.by, self._port = folder, by, port
        folder.mkdir(parents=True, exist_ok=True)
        self.wires = Wires(seed)
        self.postgres = PostgresServer(folder / "postgres", tcp_port=0)
        self.valkey = ValkeyServer(folder / "valkey", tcp_port=0)
        self.members: dict[str, Member] = {}
        self.pace = Pace(lambda: [m.pid for m in self.members.values() if m.pid])
        self.deeds = Deeds()
        self.held: set[str] = set()  # servers that a scenario keeps down
        self.expects_deaths = False
        self.complaints: list[str] = []
        self.keys: dict[str, str] = {}  # API keys, by the open id of the account
        self.before_it = 0  # events and sends that wait inside of the house, when it was last seen
        self.http = httpx2.Client(timeout=30, trust_env=False)
        self.accepted: list[dict[str, Any]] = []
        self._reading = threading.Lock()

    # ------------------------------------------------------------------------- start and stop

    async def start(self) -> float:
        """Start everything; how long that took. Raises CannotStart."""
        began = time.monotonic()
        self.postgres.start()
        self.valkey.start()
        servers = Servers(
            ("127.0.0.1", self.postgres.tcp_port or 0),
            ("127.0.0.1", self.valkey.tcp_port or 0),
            self.postgres.tcp_url().replace("+asyncpg", ""),
            self.valkey.tcp_url(),
        )
        self.members = build(self.folder, servers, self.wires, self._port)
        await self._prepare(servers)
        for member in self.members.values():
            if member.name != SIMULATOR:
                member.by = self.by
            member.launch()
        await self.until_ready(_START_SECONDS)
        return time.monotonic() - began

    async def _prepare(self, servers: Servers) -> None:
        environment = {
            **self.members[SIMULATOR].environment,
            "DATABASE_URL": servers.database_url,
            "REDIS_URL": servers.redis_url,
        }
        words = [sys.executable, "-m", "services.embedded", "prepare"]
        log = self.folder / "logs" / "prepare.log"
        command = Command("prepare", words, log, environment=environment)
        command.launch()
        await until(lambda: not command.alive())
        if command.exit_code:
            raise CannotStart(command.why_it_ended())

    async def until_ready(self, within: float) -> None:
        """Wait until every member does its work. Raises CannotStart."""
        deadline = self.pace.deadline(within)
        for member in self.members.values():
            while not await asyncio.to_thread(member.is_ready):
                if deadline.is_over:
                    raise CannotStart(f"{member.name} was not ready within {within:.0f} s.")
                await asyncio.sleep(_LOOK_SECONDS)

    async def wait(self, question: Callable[[], object], within: float) -> None:
        """Return when the answer is yes. Raises TimeoutError after so many seconds of the pace."""
        deadline = self.pace.deadline(within)
        await until(lambda: question() or deadline.is_over)
        if not question():
            raise TimeoutError

    def stop(self) -> None:
        """Stop everything; nothing is left."""
        running = [m.command for m in self.members.values() if m.command is not None]
        for command in running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(command.pid or 0, signal.SIGCONT) if command.alive() else None
            command.ask_to_stop()
        deadline = time.monotonic() + 5
        for command in running:
            command.await_end(max(deadline - time.monotonic(), 0))
        for server in (self.valkey, self.postgres):
            with contextlib.suppress(ProcessLookupError):
                os.kill(server.pid or 0, signal.SIGCONT) if server.alive() else None
            server.stop()
        self.wires.close()
        self.http.close()

    # --------------------------------------------------------------------------- keeping alive

    async def tend(self) -> None:
        """Start again what died, until cancelled."""
        while True:
            for member in self.members.values():
                self._tend(member)
            for name, server in (("postgres", self.postgres), ("valkey", self.valkey)):
                if name not in self.held and not server.alive():
                    await self._revive(server)
            await asyncio.sleep(_LOOK_SECONDS)

    def _tend(self, member: Member) -> None:
        if member.is_held:
            return
        if member.command is not None and not member.is_alive():
            code = member.note_death()
            self.deeds.note("process_killed" if code == -signal.SIGKILL else f"ended_{code}")
            loops = [at for at in member.recent if at > time.monotonic() - _LOOP_SECONDS]
            if len(loops) > _LOOPS and not self.expects_deaths:
                self.complaints.append(f"{member.name} dies again and again, last with {code}")
                member.is_held = True
        if member.command is None and time.monotonic() > member.due:
            member.launch()

    async def _revive(self, server: ChildProcess) -> None:
        try:
            server.launch()
            await until(lambda: server.is_ready() or not server.alive())
        except CannotStart:
            await asyncio.sleep(_LOOK_SECONDS)  # the remains of the last run are still in the way

    # ------------------------------------------------------------------------------ what is done

    def links(self, *parts: str) -> list[Link]:
        """The links whose name has one of these parts in it."""
        return [w for name, w in self.wires.links.items() if any(part in name for part in parts)]

    def some(self, *parts: str) -> list[Member]:
        """The members whose name has one of these parts in it."""
        return [m for name, m in self.members.items() if any(part in name for part in parts)]

    def kill(self, member: Member, number: signal.Signals = signal.SIGKILL) -> bool:
        """End a process as an accident would; whether it ran."""
        if pid := member.pid:
            os.kill(pid, number)
            return True
        return False

    async def restart(self, member: Member, **more: str) -> None:
        """Stop a member politely, and start it with this added to its environment."""
        self._tend(member)  # it may have died just now
        member.is_held, member.more = True, more
        if member.command is not None:
            member.command.ask_to_stop()
            try:
                await self.wait(lambda: not member.is_alive(), _STOPS_WITHIN)
            except TimeoutError:
                self.complaints.append(f"I12 {member.name} did not stop when it was asked to")
            member.command.await_end(0)
        member.is_held = False
        member.launch()

    async def wound_postgres(self, number: signal.Signals) -> float:
        """Stop or kill PostgreSQL; seconds until it is up again."""
        began, before = time.monotonic(), self.postgres.pid
        os.kill(before or 0, number)
        await until(lambda: self.postgres.pid != before and self.postgres.is_ready())
        self.deeds.note("postgres_down")
        return time.monotonic() - began

    @contextlib.asynccontextmanager
    async def valkey_down(self) -> Any:
        """Kill Valkey; inside the block its files may be changed; after it, it runs again."""
        self.held.add("valkey")
        try:
            self.valkey.kill()
            yield self.valkey.data
        finally:
            self.held.discard("valkey")
        await until(self.valkey.is_ready)
        self.deeds.note("valkey_losses")

    # ------------------------------------------------------------------------ talking and seeing

    @property
    def simulator(self) -> str:
        """The platform, past every link: the oracle must be heard."""
        return f"http://127.0.0.1:{self.members[SIMULATOR].port}"

    def hook(self, client_key: str = wire.CLIENT_KEY) -> str:
        """Where fans' messages go."""
        return f"http://127.0.0.1:{self.wires.links['fans→door'].port}/douyin/webhooks/{client_key}"

    @property
    def api(self) -> str:
        """Where people write."""
        return f"http://127.0.0.1:{self.wires.links['people→api'].port}"

    def control(self, what: str, body: dict[str, Any]) -> Any:
        """Use one of the simulator's controls."""
        answer = self.http.post(f"{self.simulator}/_simulator/{what}", json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def end_failures(self) -> None:
        """Withdraw every order for failures."""
        self.http.delete(f"{self.simulator}/_simulator/failures")

    def stats(self) -> dict[str, Any]:
        """The simulator's figures."""
        found: dict[str, Any] = self.http.get(f"{self.simulator}/_simulator/stats").json()
        return found

    def sent(self) -> list[dict[str, Any]]:
        """What the platform accepted, in order; each is read once and kept."""
        with self._reading:  # the watch and a scenario may both want to know
            while True:
                after = self.accepted[-1]["seq"] if self.accepted else 0
                url = f"{self.simulator}/_simulator/sent?after={after}&limit={_PAGE}"
                page = self.http.get(url).json()["messages"]
                self.accepted += page
                if len(page) < _PAGE:
                    return self.accepted

    @property
    def database_url(self) -> str:
        """PostgreSQL as its owner, past every link."""
        return self.postgres.url().replace("+asyncpg", "")

    def rows(self, sql: str, *values: object) -> list[dict[str, Any]]:
        """Look into PostgreSQL as its owner, past every wall."""

        async def ask() -> list[dict[str, Any]]:
            connection = await asyncpg.connect(self.database_url, timeout=5)
            try:
                return [dict(row) for row in await connection.fetch(sql, *values, timeout=120)]
            finally:
                await connection.close()

        with ThreadPoolExecutor(1) as apart:
            return apart.submit(asyncio.run, ask()).result()

    def carrier(self) -> redis.Redis:
        """Valkey past every link; the caller closes it."""
        return redis.Redis.from_url(self.valkey.url(), socket_timeout=2)

    def resident(self) -> dict[str, int]:
        """Resident bytes of every member."""
        found = Counter[str]()
        for member in self.members.values():
            with contextlib.suppress(OSError, IndexError):
                pages = int(Path(f"/proc/{member.pid}/statm").read_text().split()[1])
                found[member.name] = pages * os.sysconf("SC_PAGE_SIZE")
        return dict(found)
