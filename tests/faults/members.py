"""The processes of the lab: which there are, how each is started, and through which links it sees the rest."""

import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from services.embedded.servers import Command
from services.embedded.servers.ports import free_port
from services.embedded.services import SERVICES
from tests.faults.links import Link, Wires

MASTER_KEY = "0123456789abcdef0123456789abcdef-faults"
_STOPS_WITHIN = 25.0
_REVIVED_AFTER = 0.1
SIMULATOR = "simulator"
# Two of what must be able to die, or stand still, while another goes on; and two doors for rolling restarts.
_COPIES = {("douyin", "worker"): 2, ("direct_messages", "worker"): 2, ("douyin", "api"): 2}
DOORS = ("douyin-api-1", "douyin-api-2")


@dataclass(eq=False)
class Member:
    """One process of ours. `more` is what a scenario adds to its environment; `by` what runs it."""

    name: str
    words: Sequence[str]
    port: int
    environment: Mapping[str, str]
    folder: Path
    more: dict[str, str] = field(default_factory=dict)
    by: Sequence[str] = ("services.embedded",)
    is_held: bool = False  # a scenario keeps it down
    deaths: int = 0
    due: float = 0.0
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=20))
    command: Command | None = None

    def launch(self) -> None:
        """Start it with what its environment is now, without waiting for it."""
        self.command = Command(
            self.name,
            [sys.executable, "-m", *self.by, *self.words],
            self.folder / "logs" / f"{self.name}.log",
            environment={**self.environment, **self.more},
            serves=("127.0.0.1", self.port),
            stop_within=_STOPS_WITHIN,
        )
        self.command.launch()

    @property
    def pid(self) -> int:
        """The running process; 0 when it is down."""
        return (self.command.pid or 0) if self.is_alive() and self.command else 0

    def is_alive(self) -> bool:
        """Whether it runs."""
        return self.command is not None and self.command.alive()

    def is_ready(self) -> bool:
        """Whether it says so."""
        return self.command is not None and self.command.is_ready()

    def note_death(self) -> int:
        """It ended: how, and it is started again soon."""
        self.deaths += 1
        self.recent.append(time.monotonic())
        self.due = time.monotonic() + _REVIVED_AFTER
        assert self.command is not None
        code = self.command.exit_code or 0
        self.command.await_end(0)
        self.command = None
        return code


@dataclass(frozen=True)
class Servers:
    """Addresses of what the house stands on, past every link."""

    postgres: tuple[str, int]
    valkey: tuple[str, int]
    database_url: str  # with the place of host and port as in `postgres`
    redis_url: str


def build(folder: Path, servers: Servers, wires: Wires, port: int = 0) -> dict[str, Member]:
    """Every member with its own links; nothing is started. `port`: the platform's, 0 for any."""
    roles = [
        (service.name, role, number, free_port())
        for service in SERVICES
        for role in ("api", "worker")
        for number in range(1, _COPIES.get((service.name, role), 1) + 1)
    ]
    ports = {_name(s, r, n): port for s, r, n, port in roles}
    platform = port or free_port()
    shared = _environment(folder, wires, ports, platform)
    members = {
        SIMULATOR: Member(
            SIMULATOR, (), platform, shared, folder, by=("services.douyin_simulator",)
        )
    }
    for service, role, number, own in roles:
        name = _name(service, role, number)
        words = ("run", service, role, "--port", str(own))
        mine = {
            **shared,
            **_own_links(wires, service, servers),
            "SIYU_HEALTH_PORT": str(own),
        }
        members[name] = Member(name, words, own, mine, folder)
    return members


def _name(service: str, role: str, number: int) -> str:
    copies = _COPIES.get((service, role), 1)
    return f"{service}-{role}-{number}" if copies > 1 else f"{service}-{role}"


def _own_links(wires: Wires, service: str, servers: Servers) -> dict[str, str]:
    postgres = _link(wires, f"{service}→postgres", servers.postgres)
    valkey = _link(wires, f"{service}→valkey", servers.valkey)
    return {
        "DATABASE_URL": servers.database_url.replace(
            f":{servers.postgres[1]}/", f":{postgres.port}/"
        ),
        "REDIS_URL": servers.redis_url.replace(f":{servers.valkey[1]}/", f":{valkey.port}/"),
    }


def _link(wires: Wires, name: str, *targets: tuple[str, int]) -> Link:
    return wires.links.get(name) or wires.add(name, *targets)


def _environment(
    folder: Path, wires: Wires, ports: Mapping[str, int], platform: int
) -> dict[str, str]:
    def to(name: str, *targets: int) -> int:
        return _link(wires, name, *(("127.0.0.1", target) for target in targets)).port

    hook = to("simulator→door", *(ports[door] for door in DOORS))
    doors = to("fans→door", *(ports[door] for door in DOORS))
    api = to("people→api", ports["direct_messages-api"])
    return {
        "SIYU_EMBEDDED": "true",
        "SIYU_MASTER_KEY": MASTER_KEY,
        "SIYU_DATA_DIR": str(folder),
        "SIYU_PORT": str(doors),
        "SIYU_API_LIMIT": "0",
        "SIYU_WEBHOOK_PRIVATE_NETWORKS": "true",
        "SIYU_SIMULATOR_HOST": "127.0.0.1",
        "SIYU_SIMULATOR_PORT": str(platform),
        "SIYU_SIMULATOR_DATA_DIR": str(folder / "simulator"),
        "SIYU_SIMULATOR_WEBHOOK_URL": f"http://127.0.0.1:{hook}/douyin/webhooks/{{client_key}}",
        "SIYU_SIMULATOR_LOG_LEVEL": "warning",
        "SIYU_DOUYIN_API_URL": f"http://127.0.0.1:{to('connector→platform', platform)}",
        "SIYU_QUOTA_URL": f"http://127.0.0.1:{to('direct_messages→quota', ports['quota-api'])}",
        "SIYU_OPEN_PLATFORM_URL": (
            f"http://127.0.0.1:{to('apis→open_platform', ports['open_platform-api'])}"
        ),
        "SIYU_PUBLIC_URL": f"http://127.0.0.1:{api}",
        "SIYU_DRAIN_SECONDS": "1",
        "SIYU_LOG_LEVEL": "info",
    }
