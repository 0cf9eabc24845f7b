"""The embedded Valkey (or Redis): streams and timers that may vanish at any moment."""

import os
import signal
import socket
from collections.abc import Sequence
from pathlib import Path

from services.embedded.servers.binaries import find_valkey
from services.embedded.servers.directory import (
    FolderLock,
    kept_secret,
    leave_socket_folder,
    make_private,
    make_socket_folder,
    socket_folder,
)
from services.embedded.servers.ports import free_port
from services.embedded.servers.process import ChildProcess, Manners
from services.embedded.servers.strays import end_strays

_SOCKET = "valkey.sock"


class ValkeyServer(ChildProcess):
    """A Valkey server of our own; `persistent=False` keeps nothing on disk, for tests.

    `tcp_port` adds a port on 127.0.0.1 to the Unix socket; 0 picks a free one.
    """

    def __init__(
        self,
        directory: Path,
        *,
        persistent: bool = True,
        tcp_port: int | None = None,
        log: Path | None = None,
        binary: Path | None = None,
    ) -> None:
        self.directory = directory.absolute()
        manners = Manners(signal.SIGTERM, stop_within=5.0, when_we_die=signal.SIGTERM)
        super().__init__("Valkey", log or self.directory / "valkey.log", manners)
        self.tcp_port = free_port() if tcp_port == 0 else tcp_port
        self._persistent = persistent
        self._binary = binary
        self._lock = FolderLock(self.directory)

    @property
    def data(self) -> Path:
        """Where the append-only file lies; also the server's working directory."""
        return self.directory / "data"

    @property
    def socket(self) -> Path:
        """The Unix socket."""
        make_private(self.directory)
        return socket_folder(self.directory, _SOCKET) / _SOCKET

    @property
    def password(self) -> str:
        """The password, generated when it is first needed."""
        make_private(self.directory)
        return kept_secret(self.directory / "password")

    def url(self) -> str:
        """Return the URL of the Unix socket, as redis-py and arq read it."""
        return f"unix://:{self.password}@{self.socket}?db=0"

    def tcp_url(self) -> str:
        """Return the URL through 127.0.0.1."""
        if self.tcp_port is None:
            raise ValueError("this server was made without a TCP port")
        return f"redis://:{self.password}@127.0.0.1:{self.tcp_port}/0"

    def prepare(self) -> None:
        """Take the folder, end what a killed run left there, write the configuration."""
        make_private(self.directory)
        self._lock.take()
        make_socket_folder(self.socket.parent, os.geteuid())
        make_private(self.data)
        end_strays(self.data, "valkey.pid", signal.SIGTERM)
        if self._binary is None:
            self._binary = find_valkey()
        configuration = self.directory / "valkey.conf"
        configuration.touch(mode=0o600)
        configuration.write_text(self._configuration())

    def command(self) -> Sequence[str]:
        """Return the server's command line; the password stays in its configuration file."""
        return [str(self._binary), str(self.directory / "valkey.conf")]

    def is_ready(self) -> bool:
        """Whether the server answers PING, which it does not while it loads its data."""
        if not self.alive():
            return False
        try:
            with socket.socket(socket.AF_UNIX) as wire:
                wire.settimeout(1.0)
                wire.connect(str(self.socket))
                wire.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\r\n") < 2 and (received := wire.recv(256)):
                    answer += received
        except OSError:
            return False
        return answer == b"+OK\r\n+PONG\r\n"

    def restart(self) -> None:
        """Stop and start again."""
        self.stop()
        self.start()

    def release(self) -> None:
        """Let go of the folder."""
        self._lock.release()
        leave_socket_folder(self.directory)

    def why_it_ended(self) -> str:
        """Return one sentence that names the data directory and the server's own reason."""
        cause = self.log.cause().rstrip(".")
        return f"Valkey cannot run on {self.data}: {cause} (log: {self.log.path})."

    def _configuration(self) -> str:
        port = 0 if self.tcp_port is None else self.tcp_port
        lines = [
            f"port {port}",
            "bind 127.0.0.1",
            f"unixsocket {_quoted(self.socket)}",
            "unixsocketperm 700",
            f"dir {_quoted(self.data)}",
            f"pidfile {_quoted(self.data / 'valkey.pid')}",
            f"requirepass {self.password}",
            f"appendonly {'yes' if self._persistent else 'no'}",
            "appendfsync everysec",
            'save ""',
            "maxmemory-policy noeviction",
            "set-proc-title no",
            "daemonize no",
        ]
        return "\n".join(lines) + "\n"


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
