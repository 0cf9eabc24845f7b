"""The folder that holds everything embedded mode remembers; one supervisor at a time."""

import contextlib
from pathlib import Path
from types import TracebackType
from typing import Self

from services.embedded.servers.directory import FolderLock, make_private
from services.embedded.servers.errors import CannotStart
from services.embedded.servers.identity import identity_for_this_user


class DataDirectory:
    """The data directory, made for us alone and locked while it is open.

    As root without user namespaces PostgreSQL runs as nobody, who must be able to pass through:
    then it is made 0711, and if a parent cannot be passed, `PostgresServer.place` lies elsewhere.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._lock = FolderLock(self.path)

    @property
    def postgres(self) -> Path:
        """PostgreSQL's folder."""
        return self.path / "postgres"

    @property
    def valkey(self) -> Path:
        """Valkey's folder."""
        return self.path / "valkey"

    @property
    def logs(self) -> Path:
        """What the children print."""
        return self.path / "logs"

    def __enter__(self) -> Self:
        """Make the directory and take it, or say in one sentence why not."""
        mode = 0o700
        # who cannot run PostgreSQL at all may still have been given a DATABASE_URL
        with contextlib.suppress(CannotStart):
            mode = 0o711 if identity_for_this_user().way == "nobody" else mode
        make_private(self.path, mode=mode)
        self._lock.take()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let go of the directory."""
        self._lock.release()
