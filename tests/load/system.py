"""The system under load: real servers, the simulator, every role of every service as its own process."""

import asyncio
import json
import os
import socket
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from services.embedded.servers import Command, PostgresServer, ValkeyServer
from services.embedded.services import SERVICES
from tests.load.generator import SHOP, Dm
from tests.load.rules import add_rules, lift_limits

_TICKS = os.sysconf("SC_CLK_TCK")
MASTER_KEY = "0123456789abcdef0123456789abcdef-bench"

# What is not ours in the sense of the goals: servers, and what stands for the outside world.
SERVERS = frozenset({"simulator", "postgresql", "valkey"})

Role = tuple[str, str]  # service, "api" or "worker"
EVERY_ROLE: tuple[Role, ...] = tuple((s.name, role) for s in SERVICES for role in ("api", "worker"))


class Void(Exception):
    """A result was wrong, so that no figure of the run counts."""


@dataclass
class System:
    """Addresses and processes of a running system."""

    ports: dict[Role, int]
    simulator: int
    database_url: str
    redis_url: str
    start: Callable[["Layout"], None] = field(default=lambda _: None)
    processes: dict[str, int] = field(default_factory=dict)  # name → pid

    def cpu(self) -> dict[str, float]:
        """CPU seconds used by each process so far (PostgreSQL with its backends)."""
        return {name: sum(map(_cpu_of, _tree(pid))) for name, pid in self.processes.items()}

    @property
    def door(self) -> int:
        """The port to which Douyin posts."""
        return self.ports["douyin", "api"]

    def memory(self) -> dict[str, int]:
        """Resident bytes of each process (proportional shares, so that shared pages count once)."""
        running = list(self.processes.items())  # more may be started meanwhile
        return {name: sum(map(_pss_of, _tree(pid))) for name, pid in running}

    def sql(self, statement: str, *values: Any) -> list[Any]:
        """Look into the database, as its owner: to check what is true, never to make it so."""
        return asyncio.run(_fetch(self.database_url, statement, values))

    def ask(self, path: str, body: Any = None, method: str | None = None) -> Any:
        """Ask the simulator's controls."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        url = f"http://127.0.0.1:{self.simulator}/_simulator/{path}"
        request = urllib.request.Request(url, data=data, headers=headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())

    def register(self, dms: Sequence[Dm]) -> None:
        """Make message ids known to the simulator, which did not make them itself."""
        for start in range(0, len(dms), 20_000):
            messages = [
                {"msg_id": d.id, "conversation_id": d.conversation_id, "from": d.fan}
                for d in dms[start : start + 20_000]
            ]
            body = {"to": SHOP, "kind": "message", "window": "arrival", "messages": messages}
            self.ask("messages/register", body)

    def accepted(self) -> int:
        """How many sends the platform accepted."""
        return int(self.ask("stats")["accepted"])

    def sent(self, after: int = 0) -> Iterator[dict[str, Any]]:
        """What the platform accepted, in order, behind `after`."""
        while page := self.ask(f"sent?after={after}&limit=20000")["messages"]:
            yield from page
            after = page[-1]["seq"]


async def _fetch(url: str, statement: str, values: Sequence[Any]) -> list[Any]:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        return list(await connection.fetch(statement, *values))
    finally:
        await connection.close()


def _cpu_of(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(int(fields[i]) for i in (11, 12, 13, 14)) / _TICKS


def _pss_of(pid: int) -> int:
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return sum(
        int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:")
    )


def _tree(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(p for child in children for p in _tree(int(child)))]


@dataclass(frozen=True, slots=True)
class Layout:
    """What runs. `rules`: how many the demo account has, if more than the demo's own.

    `limits`: the loop guard holds, and the platform's 100,000 sends a day.
    """

    roles: Sequence[Role] = EVERY_ROLE
    rules: int = 0
    copies: int = 1  # processes of each worker
    limits: bool = True


@contextmanager
def separate_processes(folder: Path, layout: Layout) -> Iterator[System]:
    """PostgreSQL (fsync on), Valkey (AOF everysec), the simulator, and a process for each role."""
    with ExitStack() as stack:
        postgres = stack.enter_context(PostgresServer(folder / "postgres"))
        valkey = stack.enter_context(ValkeyServer(folder / "valkey"))
        simulator, *free = _free_ports(1 + len(EVERY_ROLE))
        ports = dict(zip(EVERY_ROLE, free, strict=True))
        system = System(ports, simulator, postgres.url(), valkey.url())
        environment = environment_of(system, folder)
        start = _Starter(stack, system, folder, environment)
        system.start = lambda more: start_roles(start, more)
        _once(environment, folder)
        if layout.rules:
            asyncio.run(add_rules(postgres.url(), MASTER_KEY, layout.rules))
        if not layout.limits:
            asyncio.run(lift_limits(postgres.url(), MASTER_KEY))
            _once(environment, folder)  # tells everybody
        system.processes |= {"postgresql": postgres.pid or 0, "valkey": valkey.pid or 0}
        start("simulator", "services.douyin_simulator", port=system.simulator)
        start_roles(start, layout)
        yield system


def start_roles(start: "_Starter", layout: Layout) -> None:
    """A process for each role, and for each worker as many as the layout says."""
    for service, role in layout.roles:
        copies = layout.copies if role == "worker" else 1
        for number in range(copies):
            port = start.system.ports[service, role] if not number else _free_ports(1)[0]
            name = f"{service}-{role}" if not number else f"{service}-{role}-{number + 1}"
            words = ["services.embedded", "run", service, role, "--port", str(port)]
            start(name, *words, port=port)
    start.wait_ready()


def _free_ports(count: int) -> list[int]:
    """Ports that nobody uses, each another one: they are held until all are found."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


@dataclass
class _Starter:
    """Starts our programs, each with a log file, and stops them at the end."""

    stack: ExitStack
    system: System
    folder: Path
    environment: dict[str, str]
    starting: list[Command] = field(default_factory=list)

    def wait_ready(self) -> None:
        """Wait until everything that was started answers."""
        while self.starting:
            self.starting.pop().wait_ready()

    def __call__(self, name: str, *words: str, port: int) -> None:
        """Start a program that will answer on `port`."""
        command = Command(
            name,
            [sys.executable, "-m", *words],
            self.folder / f"{name}.log",
            environment=self.environment | {"SIYU_HEALTH_PORT": str(port)},
            serves=("127.0.0.1", port),
            stop_within=10,
        )
        command.launch()
        self.stack.callback(command.stop)
        self.starting.append(command)
        self.system.processes[name] = command.pid or 0


def environment_of(system: System, folder: Path) -> dict[str, str]:
    """What each program of the system is started with."""
    door, platform = f"http://127.0.0.1:{system.door}", f"http://127.0.0.1:{system.simulator}"
    ports = system.ports
    return {
        "DATABASE_URL": system.database_url,
        "REDIS_URL": system.redis_url,
        "SIYU_EMBEDDED": "true",
        "SIYU_MASTER_KEY": MASTER_KEY,
        "SIYU_DATA_DIR": str(folder),
        "SIYU_PORT": str(system.door),
        "SIYU_SIMULATOR_PORT": str(system.simulator),
        "SIYU_SIMULATOR_DATA_DIR": str(folder / "simulator"),
        "SIYU_SIMULATOR_WEBHOOK_URL": f"{door}/douyin/webhooks/{{client_key}}",
        "SIYU_DOUYIN_API_URL": platform,
        "SIYU_QUOTA_URL": f"http://127.0.0.1:{ports['quota', 'api']}",
        "SIYU_OPEN_PLATFORM_URL": f"http://127.0.0.1:{ports['open_platform', 'api']}",
        "SIYU_LOG_LEVEL": "warning",
    }


def _once(environment: dict[str, str], folder: Path) -> None:
    words = [sys.executable, "-m", "services.embedded", "prepare"]
    command = Command("prepare", words, folder / "prepare.log", environment=environment)
    command.launch()
    deadline = time.monotonic() + 60
    while command.alive() and time.monotonic() < deadline:
        time.sleep(0.05)
    if command.exit_code != 0:
        raise RuntimeError(command.why_it_ended())


def until(reached: int, count: Callable[[], int], patience: float) -> None:
    """Wait until `count()` is at least `reached`. Raises Void when it takes longer than `patience`."""
    began = time.monotonic()
    while (now := count()) < reached:
        if time.monotonic() - began > patience:
            raise Void(f"{now} of {reached} after {patience:.0f} s")
        time.sleep(0.05)
