"""What a process shares among its services: settings, sealer, streams, databases, clients."""

import asyncio
import socket
from urllib.parse import quote

import orjson

from shared.db.engine import Database, open_database
from shared.http.client import JsonClient
from shared.http.limits import Limits
from shared.http.principal import Authenticator, Tokens
from shared.queue import Streams
from shared.sealing import Sealer
from shared.settings import ProcessSettings


class Resources:
    """Made once a process, handed to every service."""

    def __init__(self, settings: ProcessSettings, process: str) -> None:
        self.settings = settings
        self.process = process
        self.sealer = Sealer(settings.master_key.get_secret_value().encode())
        self.tokens = Tokens(self.sealer)
        self.instance = f"{socket.gethostname()}-{process}-{settings.health_port}"
        self.streams = Streams(settings.redis_url.get_secret_value(), self.instance)
        self.authenticator = Authenticator(self.tokens, self._exchange)
        self.limits = Limits(
            self.sealer.derive("rate-limit"),
            settings.api_limit,
            is_enforced=settings.api_limit_mode == "enforce",
        )
        self.local_apis: dict[
            str, object
        ] = {}  # service → ASGI app, where it lives in this process
        self.draining = asyncio.Event()  # asked to stop: whoever streams an answer ends it
        self._databases: dict[str, Database] = {}
        self._clients: dict[str, JsonClient] = {}

    def database(self, service: str) -> Database:
        """The database of `service`, with its own role."""
        if service not in self._databases:
            url = self.settings.database_url.get_secret_value()
            self._databases[service] = open_database(
                role_url(url, service, self.role_password(service)),
                service,
                connections=self.settings.database_connections,
            )
        return self._databases[service]

    def role_password(self, service: str) -> str:
        """The password of the service's database role."""
        return self.sealer.derive(f"role|{service}").hex()

    def client(self, service: str) -> JsonClient:
        """A client of another service; in the same process the call does not touch a socket."""
        if service not in self._clients:
            base = getattr(self.settings, f"{service}_url")
            app = self.local_apis.get(service)
            self._clients[service] = JsonClient("http://local" if app else base, app=app)
        return self._clients[service]

    async def _exchange(self, api_key: str) -> str | None:
        body = orjson.dumps({"api_key": api_key})
        token = self.tokens.issue_internal(self.process)
        answer = await self.client("open_platform").post("/internal/tokens", body, token=token)
        found: str | None = orjson.loads(answer)["token"]
        return found

    async def close(self) -> None:
        """Close everything that was opened."""
        for client in self._clients.values():
            await client.close()
        await self.streams.close()
        for database in self._databases.values():
            await database.close()


def role_url(owner_url: str, role: str, password: str) -> str:
    """The same database as another role (`postgresql+asyncpg://user:pw@host/db?…`)."""
    scheme, _, rest = owner_url.partition("://")
    _, at, after = rest.partition("@")
    if not at:
        after = rest
    return f"{scheme}://{role}:{quote(password)}@{after}"
