"""The embedded PostgreSQL: a cluster in a folder, run by a launcher of our own."""

import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from services.embedded.servers.binaries import PostgresBinaries, find_postgres
from services.embedded.servers.cluster import (
    DATABASE,
    SCRAM_ITERATIONS,
    SCRAM_ITERATIONS_SINCE,
    SUPERUSER,
    check_cluster,
    make_cluster,
    require_password,
)
from services.embedded.servers.directory import (
    FolderLock,
    kept_secret,
    leave_socket_folder,
    make_private,
    make_socket_folder,
    socket_folder,
)
from services.embedded.servers.identity import (
    Identity,
    identity_for_this_user,
    private_folder_outside,
)
from services.embedded.servers.ports import free_port
from services.embedded.servers.process import ChildProcess, Manners, environment_with
from services.embedded.servers.strays import end_strays

_SOCKET_PORT = 5432
_SETTINGS = {
    "max_connections": "200",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    "log_checkpoints": "off",
    "log_error_verbosity": "terse",  # the detail of a refused row is all that stands in it
    "jit": "off",
    # rows are found by key whatever was counted: ANALYZE need not read 30,000 rows of every table that
    # grew by a tenth (40 us of CPU for each message of a young system)
    "default_statistics_target": "10",
}
_FAST = {
    "max_connections": "300",
    "shared_buffers": "64MB",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",  # it would look into databases that are about to go
}
_STATUS_LINE = 7
_STATEMENT_SECONDS = 30
_MODES: Mapping[str, signal.Signals] = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}


class PostgresServer(ChildProcess):
    """A PostgreSQL server of our own whose data stays in `directory` between runs.

    `tcp_port` adds a port on 127.0.0.1 to the Unix socket (0 picks a free one). `fast` is for
    tests: a server that is killed may lose the commits of its last second.
    """

    def __init__(
        self,
        directory: Path,
        *,
        fast: bool = False,
        tcp_port: int | None = None,
        log: Path | None = None,
        identity: Identity | None = None,
        binaries: PostgresBinaries | None = None,
    ) -> None:
        self.directory = directory.absolute()
        manners = Manners(signal.SIGINT, stop_within=10.0, when_we_die=signal.SIGINT)
        super().__init__("PostgreSQL", log or self.directory / "postgres.log", manners)
        self.tcp_port = free_port() if tcp_port == 0 else tcp_port
        self.identity = identity or identity_for_this_user()
        self._fast = fast
        self._settings = {**_SETTINGS, **(_FAST if fast else {})}
        self._binaries = binaries
        self._lock = FolderLock(self.directory)
        self._place: Path | None = None

    @property
    def place(self) -> Path:
        """Where the cluster lies: the directory, unless the server's user cannot enter that."""
        if self._place is None:
            mode = 0o711 if self.identity.way == "nobody" else 0o700
            make_private(self.directory, mode=mode)
            pointer = self.directory / "elsewhere"
            if pointer.is_file():
                self._place = Path(pointer.read_text().strip())
            elif self.identity.can_enter(self.directory):
                self._place = self.directory
            else:
                self._place = private_folder_outside(temporary=self._fast)
                pointer.write_text(f"{self._place}\n")
        return self._place

    @property
    def cluster(self) -> Path:
        """PostgreSQL's own data directory."""
        return self.place / "cluster"

    @property
    def sockets(self) -> Path:
        """The folder of the Unix socket."""
        return socket_folder(self.place, f".s.PGSQL.{self._port}.lock")

    @property
    def password(self) -> str:
        """The superuser's password, generated before the cluster is made."""
        secret = self.directory / "password"
        if self.cluster.exists():
            require_password(self.cluster, secret)
        return kept_secret(secret)

    def url(
        self, database: str = DATABASE, *, user: str = SUPERUSER, password: str | None = None
    ) -> str:
        """Return the SQLAlchemy URL of a database through the Unix socket."""
        where = f"host={quote(str(self.sockets), safe='/')}&port={self._port}"
        return f"{self._credentials(user, password)}@/{quote(database)}?{where}"

    def tcp_url(
        self, database: str = DATABASE, *, user: str = SUPERUSER, password: str | None = None
    ) -> str:
        """Return the SQLAlchemy URL of a database through 127.0.0.1."""
        if self.tcp_port is None:
            raise ValueError("this server was made without a TCP port")
        return f"{self._credentials(user, password)}@127.0.0.1:{self.tcp_port}/{quote(database)}"

    def prepare(self) -> None:
        """Take the folder, end what a killed run left there, make or check the cluster."""
        if self._binaries is None:
            self._binaries = find_postgres()
        self._binaries = self.identity.usable(self._binaries, self.place)
        self._lock.take()
        make_socket_folder(self.sockets, self.identity.uid)
        self.identity.own(self.sockets)
        if self.cluster.exists():
            check_cluster(self.cluster, self._binaries, self.directory / "password")
            end_strays(self.cluster, "postmaster.pid", signal.SIGINT)
            (self.cluster / "postmaster.pid").unlink(missing_ok=True)
            return
        make_cluster(
            self.cluster,
            password=self.password,
            binaries=self._binaries,
            identity=self.identity,
            sync=not self._fast,
        )

    def prefix(self) -> Sequence[str]:
        """Return the change of user that PostgreSQL needs if we are root."""
        return self.identity.prefix

    def command(self) -> Sequence[str]:
        """Return the server's command line; its settings are visible, its password is not."""
        listen = "" if self.tcp_port is None else "127.0.0.1"
        words = [str(self._tool("postgres")), "-D", str(self.cluster), "-p", str(self._port)]
        words += ["-c", f'unix_socket_directories="{self.sockets}"']
        words += ["-c", "unix_socket_permissions=0700", "-c", f"listen_addresses={listen}"]
        if self._binaries is not None and self._binaries.major >= SCRAM_ITERATIONS_SINCE:
            words += ["-c", SCRAM_ITERATIONS]
        for name, value in self._settings.items():
            words += ["-c", f"{name}={value}"]
        return words

    def is_ready(self) -> bool:
        """Whether the server of this run says so itself; a killed one's file says it for ever."""
        try:
            lines = (self.cluster / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return lines[:1] == [str(self.pid)] and lines[_STATUS_LINE:] == ["ready   "]

    def restart(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """Stop and start again; `immediate` leaves a crash behind to recover from."""
        self._signal(_MODES[mode])
        self.await_end(self.manners.stop_within)
        self.start()

    def release(self) -> None:
        """Let go of the folder."""
        self._lock.release()
        leave_socket_folder(self.place)

    def why_it_ended(self) -> str:
        """Return one sentence that names the data directory and PostgreSQL's own reason."""
        cause = self.log.cause().rstrip(".")
        return f"PostgreSQL cannot run on {self.cluster}: {cause} (log: {self.log.path})."

    def create_database(self, name: str, template: str | None = None) -> None:
        """Create a database, as a copy of the template's files if one is named."""
        copy = f' TEMPLATE "{template}" STRATEGY FILE_COPY' if template else ""
        self.execute(f'CREATE DATABASE "{name}"{copy}')

    def drop_database(self, name: str) -> None:
        """Drop a database, whoever is connected to it; none of that name is fine."""
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def execute(self, sql: str, database: str = "postgres") -> str:
        """Run SQL as the superuser with psql, for a minute at most, and return its bare output."""
        words = [str(self._tool("psql")), "-XqAtw", "-v", "ON_ERROR_STOP=1", "-c", sql]
        words += ["-h", str(self.sockets), "-p", str(self._port), "-U", SUPERUSER, database]
        limits = {
            "PGCONNECT_TIMEOUT": "20",
            "PGOPTIONS": f"-c statement_timeout={_STATEMENT_SECONDS}s",
        }
        ran = subprocess.run(
            words,
            env=environment_with({"PGPASSWORD": self.password, **limits}),
            capture_output=True,
            text=True,
            timeout=2 * _STATEMENT_SECONDS,
            check=False,
        )
        if ran.returncode != 0:
            raise RuntimeError(f"{sql}: {ran.stderr.strip()}")
        return ran.stdout.strip()

    @property
    def _port(self) -> int:
        return _SOCKET_PORT if self.tcp_port is None else self.tcp_port

    def _tool(self, name: str) -> Path:
        if self._binaries is None:
            self._binaries = find_postgres()
        return self._binaries.folder / name

    def _credentials(self, user: str, password: str | None) -> str:
        secret = quote(self.password if password is None else password, safe="")
        return f"postgresql+asyncpg://{quote(user)}:{secret}"
