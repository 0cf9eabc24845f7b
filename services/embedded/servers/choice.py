"""Which servers embedded mode runs itself, and which it was told to use."""

from dataclasses import dataclass

from pydantic import SecretStr

from services.embedded.data_directory import DataDirectory
from services.embedded.servers.postgres import PostgresServer
from services.embedded.servers.process import ChildProcess
from services.embedded.servers.valkey import ValkeyServer


@dataclass(frozen=True, slots=True)
class Servers:
    """Addresses for the application, known before anything runs, and what must be run for them."""

    database_url: str
    redis_url: str
    ours: tuple[ChildProcess, ...]
    notes: tuple[str, ...] = ()
    """Sentences for the person at the terminal."""


def choose_servers(
    data: DataDirectory, database_url: SecretStr | None, redis_url: SecretStr | None
) -> Servers:
    """Return our own PostgreSQL and Valkey, but nothing of ours where an address was given."""
    ours: list[ChildProcess] = []
    notes: list[str] = []
    if database_url is not None:
        database = database_url.get_secret_value()
    else:
        postgres = PostgresServer(data.postgres, log=data.logs / "postgres.log")
        database = postgres.url()
        ours.append(postgres)
        if postgres.place != postgres.directory:
            notes.append(f"PostgreSQL's user cannot enter {data.path}: data is in {postgres.place}")
    if redis_url is not None:
        redis = redis_url.get_secret_value()
    else:
        valkey = ValkeyServer(data.valkey, log=data.logs / "valkey.log")
        redis = valkey.url()
        ours.append(valkey)
    return Servers(database, redis, tuple(ours), tuple(notes))
