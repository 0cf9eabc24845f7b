"""Real PostgreSQL and Valkey servers from installed binaries, for embedded mode and for tests."""

from services.embedded.servers.errors import CannotStart
from services.embedded.servers.postgres import PostgresServer
from services.embedded.servers.process import ChildProcess, Command
from services.embedded.servers.valkey import ValkeyServer

__all__ = ["CannotStart", "ChildProcess", "Command", "PostgresServer", "ValkeyServer"]
