"""The system under load: real servers, the simulator, every role of every service as its own process."""

import asyncio
import json
import os
import socket
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from services.embedded.servers import Command, PostgresServer, ValkeyServer
from services.embedded.services import SERVICES
from tests.load.generator import SHOP, Dm
from tests.load.rules import add_rules

_TICKS = os.sysconf("SC_CLK_TCK")
_MASTER_KEY = "0123456789abcdef0123456789abcdef-bench"

Role = tuple[str, str]  # service, "api" or "worker"
EVERY_ROLE: tuple[Role, ...] = tuple((s.name, role) for s in SERVICES for role in ("api", "worker"))


@dataclass
class System:
    """Addresses and processes of a running system."""

    door: int
    simulator: int
    database_url: str
    processes: dict[str, int] = field(default_factory=dict)  # name → pid

    def cpu(self) -> dict[str, float]:
        """CPU seconds used by each process so far (PostgreSQL with its backends)."""
        return {name: sum(map(_cpu_of, _tree(pid))) for name, pid in self.processes.items()}

    def memory(self) -> int:
        """Resident bytes of all processes (proportional shares, so that shared pages count once)."""
        return sum(_pss_of(p) for pid in self.processes.values() for p in _tree(pid))

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
                {"msg_id": d.message_id, "conversation_id": d.conversation_id, "from": d.fan}
                for d in dms[start : start + 20_000]
            ]
            body = {"to": SHOP, "kind": "message", "window": "arrival", "messages": messages}
            self.ask("messages/register", body)

    def accepted(self) -> int:
        """How many sends the platform accepted."""
        return int(self.ask("stats")["accepted"])

    def sent(self, after: int = 0) -> list[dict[str, Any]]:
        """What the platform accepted, in order, behind `after`."""
        found: list[dict[str, Any]] = []
        while page := self.ask(f"sent?after={after}&limit=20000")["messages"]:
            found += page
            after = page[-1]["seq"]
        return found


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


@contextmanager
def separate_processes(
    folder: Path, roles: Sequence[Role] = EVERY_ROLE, rules: int = 0
) -> Iterator[System]:
    """PostgreSQL (fsync on), Valkey (AOF everysec), simulator, and a process for each of `roles`.

    `rules`: how many the demo account has, if more than the demo's own.
    """
    with ExitStack() as stack:
        postgres = stack.enter_context(PostgresServer(folder / "postgres"))
        valkey = stack.enter_context(ValkeyServer(folder / "valkey"))
        simulator, *free = _free_ports(1 + len(EVERY_ROLE))
        ports = dict(zip(EVERY_ROLE, free, strict=True))
        system = System(ports["douyin", "api"], simulator, postgres.url())
        environment = _environment(system, ports, folder) | {
            "DATABASE_URL": postgres.url(),
            "REDIS_URL": valkey.url(),
        }

        start = _Starter(stack, system, folder, environment)
        _once(environment, folder)
        if rules:
            asyncio.run(add_rules(postgres.url(), _MASTER_KEY, rules))
        start("simulator", "services.douyin_simulator", port=system.simulator)
        for service, role in roles:
            port = ports[service, role]
            start(
                f"{service}-{role}",
                "services.embedded",
                "run",
                service,
                role,
                "--port",
                str(port),
                port=port,
            )
        system.processes |= {"postgresql": postgres.pid or 0, "valkey": valkey.pid or 0}
        yield system


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

    def __call__(self, name: str, *words: str, port: int) -> None:
        """Start a program and wait until it answers on `port`."""
        command = Command(
            name,
            [sys.executable, "-m", *words],
            self.folder / f"{name}.log",
            environment=self.environment | {"SIYU_HEALTH_PORT": str(port)},
            serves=("127.0.0.1", port),
            stop_within=10,
        )
        command.start()
        self.stack.callback(command.stop)
        self.system.processes[name] = command.pid or 0


def _environment(system: System, ports: dict[Role, int], folder: Path) -> dict[str, str]:
    door, platform = f"http://127.0.0.1:{system.door}", f"http://127.0.0.1:{system.simulator}"
    return {
        "SIYU_EMBEDDED": "true",
        "SIYU_MASTER_KEY": _MASTER_KEY,
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


async def until(reached: int, count: Any, patience: float) -> float:
    """Seconds until `count()` is at least `reached`; raises when it takes longer than `patience`."""
    began = time.monotonic()
    while count() < reached:
        if time.monotonic() - began > patience:
            raise TimeoutError(f"{count()} of {reached} after {patience:.0f} s")
        await asyncio.sleep(0.1)
    return time.monotonic() - began
