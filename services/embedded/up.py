"""`siyu up`: everything on one machine, kept alive by the supervisor."""

import json
import sys
from pathlib import Path

from services.embedded.data_directory import DataDirectory
from services.embedded.servers import CannotStart, Command
from services.embedded.servers.choice import Servers, choose_servers
from services.embedded.servers.directory import kept_secret
from services.embedded.settings import EmbeddedSettings
from services.embedded.supervisor import Keep, Listens, Once, Supervisor, say

DEMO_FILE = "demo.json"


def up() -> int:
    """Run until asked to stop; the exit code."""
    try:
        settings = EmbeddedSettings.read()
        with DataDirectory(settings.data_dir) as data:
            servers = choose_servers(data, settings.database_url, settings.redis_url)
            for note in servers.notes:
                say(note)
            return _supervise(settings, data, servers)
    except CannotStart as problem:
        say(str(problem))
        return problem.exit_code


def child_environment(
    settings: EmbeddedSettings, data: DataDirectory, servers: Servers
) -> dict[str, str]:
    """What the application, the one-shot set-up and the simulator read."""
    return {
        "DATABASE_URL": servers.database_url,
        "REDIS_URL": servers.redis_url,
        "SIYU_EMBEDDED": "true",
        "SIYU_WEBHOOK_PRIVATE_NETWORKS": "true",
        "SIYU_MASTER_KEY": kept_secret(data.path / "master.key"),
        "SIYU_DATA_DIR": str(data.path),
        "SIYU_HOST": settings.host,
        "SIYU_PORT": str(settings.port),
        "SIYU_PUBLIC_URL": settings.public_url or f"http://{settings.host}:{settings.port}",
        "SIYU_SIMULATOR_HOST": settings.host,
        "SIYU_SIMULATOR_PORT": str(settings.simulator_port),
        "SIYU_SIMULATOR_DATA_DIR": str(data.path / "simulator"),
        "SIYU_SIMULATOR_WEBHOOK_URL": f"http://{settings.host}:{settings.port}/douyin/webhooks/{{client_key}}",
        "SIYU_DOUYIN_API_URL": f"http://{settings.host}:{settings.simulator_port}",
    }


def _supervise(settings: EmbeddedSettings, data: DataDirectory, servers: Servers) -> int:
    environment = child_environment(settings, data, servers)

    def program(name: str, *words: str, port: int = 0, stop_within: float = 25.0) -> Command:
        return Command(
            name,
            [sys.executable, "-m", *words],
            data.logs / f"{name}.log",
            environment=environment,
            serves=(settings.host, port) if port else None,
            stop_within=stop_within,
        )

    application = program("application", "services.embedded", "application", port=settings.port)
    simulator = program(
        "simulator", "services.douyin_simulator", port=settings.simulator_port, stop_within=5.0
    )
    supervisor = Supervisor(
        [
            Keep(servers.ours),
            Once(program("prepare", "services.embedded", "prepare")),
            Keep([application, simulator]),
        ],
        listens=[
            Listens(settings.host, settings.port, "SIYU_PORT"),
            Listens(settings.host, settings.simulator_port, "SIYU_SIMULATOR_PORT"),
        ],
    )
    return supervisor.run(lambda: _welcome(data.path))


def _welcome(data: Path) -> None:
    demo = json.loads((data / DEMO_FILE).read_text())
    fan = "fan-open-id-0002"
    say(
        f"""
Siyu is ready.

  Console     {demo["base_url"]}/console#key={demo["api_key"]}
  API         {demo["base_url"]}  (OpenAPI: {demo["base_url"]}/openapi.json)
  Simulator   {demo["simulator_url"]}  (what reached the platform: {demo["simulator_url"]}/_simulator/sent)
  API key     {demo["api_key"]}
  Data        {data}

Try in another terminal, as a fan who asks for the price:

  .venv/bin/siyu send-dm --fan {fan} --text 你好，多少钱

Or watch a whole story, decision by decision:

  .venv/bin/siyu demo
"""
    )
