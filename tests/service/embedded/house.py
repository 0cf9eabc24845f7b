"""A small embedded mode to run in tests: two servers, a program that ends, one that serves.

Run as `python house.py`; what the program that serves does is told by HOUSE_APP.
"""

import asyncio
import os
import signal
import socket
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import urlsplit


def supervise() -> int:
    # here and not above: the two programs below must start quickly
    from services.embedded.data_directory import DataDirectory
    from services.embedded.servers import CannotStart, Command
    from services.embedded.servers.choice import choose_servers
    from services.embedded.settings import EmbeddedSettings
    from services.embedded.supervisor import Keep, Listens, Once, Step, Supervisor, say

    try:
        settings = EmbeddedSettings.read()
        with DataDirectory(settings.data_dir) as data:
            servers = choose_servers(data, settings.database_url, settings.redis_url)
            addresses = {"DATABASE_URL": servers.database_url, "REDIS_URL": servers.redis_url}

            def program(name: str, **more: object) -> Command:
                words = [sys.executable, __file__, name, str(settings.port), str(data.path)]
                log = data.logs / f"{name}.log"
                return Command(name, words, log, environment=addresses, **more)  # type: ignore[arg-type]

            app = program("app", serves=(settings.host, settings.port), stop_within=1)
            listens = [Listens(settings.host, settings.port, "SIYU_PORT")]
            steps: list[Step] = [Keep(servers.ours), Once(program("migrate")), Keep([app])]
            patience = float(os.environ.get("HOUSE_HUNG_AFTER", "45"))
            supervisor = Supervisor(steps, listens=listens, hung_after=patience)
            return supervisor.run(lambda: say("everything is ready"))
    except CannotStart as problem:
        say(str(problem))
        return problem.exit_code


async def migrate() -> None:
    """Count the starts in both servers, so that a test can see what was kept."""
    import asyncpg

    url = os.environ["DATABASE_URL"].replace("+asyncpg", "")
    connection = await asyncpg.connect(url)
    await connection.execute("create table if not exists starts (at timestamptz default now())")
    await connection.execute("insert into starts default values")
    starts = await connection.fetchval("select count(*) from starts")
    await connection.close()
    print(f"starts: {starts} and {increment('starts')}", flush=True)


def increment(key: str) -> int:
    """Count in Valkey without a client library, which a system Python may not have."""
    url = urlsplit(os.environ["REDIS_URL"])
    with socket.socket(socket.AF_UNIX) as wire:
        wire.connect(url.path)
        wire.sendall(f"AUTH {url.password}\r\nINCR {key}\r\nQUIT\r\n".encode())
        return int(wire.makefile().read().splitlines()[1].removeprefix(":"))


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()


def app(port: int) -> int:
    match os.environ.get("HOUSE_APP"):
        case "misconfigured":
            print("SIYU_MASTER_KEY is too short.")
            return 78
        case "broken":
            print("first line\nthe flux capacitor is missing")
            return 3
        case "stubborn":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        case "late":
            time.sleep(60)
    HTTPServer(("127.0.0.1", port), Answer).serve_forever()
    return 0


def main() -> int:
    match sys.argv[1:]:
        case ["app", port, _]:
            return app(int(port))
        case ["migrate", _, _]:
            asyncio.run(migrate())
            return 0
    return supervise()


if __name__ == "__main__":
    sys.exit(main())
