"""A folder of our own: made private, locked while used, with a socket path that is short enough."""

import contextlib
import fcntl
import os
import re
import secrets
from pathlib import Path
from typing import IO

from services.embedded.servers.errors import CannotStart

_LONGEST_SOCKET_PATH = 100
"""The kernel's limit is 107 bytes on Linux and 103 on macOS."""
_PLAIN_PATH = re.compile(r"[A-Za-z0-9._/-]+")
"""Paths that every driver reads alike in a URL; asyncpg splits at commas, arq leaves %20 as it is."""
_PRIVATE = 0o700


def make_private(folder: Path, *, mode: int = _PRIVATE) -> None:
    """Make a folder for us alone; one that exists keeps its permissions."""
    try:
        folder.mkdir(mode=mode, parents=True)
        folder.chmod(mode)
    except FileExistsError:
        if not folder.is_dir():
            raise CannotStart(f"{folder} is not a directory.") from None
    except OSError as problem:
        raise CannotStart(f"Cannot make the directory {folder}: {problem.strerror}.") from None
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise CannotStart(f"The directory {folder} cannot be written by this user.")


def kept_secret(path: Path) -> str:
    """Return the secret of a file that only we may read; it is made up the first time."""
    try:
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(secrets.token_urlsafe(32))
        return path.read_text().strip()
    except OSError as problem:
        raise CannotStart(f"Cannot read or write {path}: {problem.strerror}.") from None


class FolderLock:
    """Says that a folder is in use; the kernel lets go of it when its holder dies."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "lock"
        self._file: IO[str] | None = None

    def take(self) -> None:
        """Take the lock or say who has it."""
        if self._file is not None:
            return
        try:
            file = self._path.open("a+")
        except OSError as problem:
            raise CannotStart(f"Cannot write {self._path}: {problem.strerror}.") from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip()
            file.close()
            by = f" by process {holder}" if holder else ""
            raise CannotStart(f"{self._path.parent} is already in use{by}.") from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        self._file = file

    def release(self) -> None:
        """Let go of the folder."""
        if self._file is not None:
            self._file.close()
            self._file = None


def socket_folder(home: Path, longest_name: str) -> Path:
    """Name the folder for sockets: `run` in the home, or a short one if that is long or special."""
    wanted = home / "run"
    path = str(wanted / longest_name)
    if len(path) <= _LONGEST_SOCKET_PATH and _PLAIN_PATH.fullmatch(path):
        return wanted
    return _short_folder(home)


def make_socket_folder(folder: Path, owner: int) -> None:
    """Make the folder for us alone; refuse one that somebody else has put in its place."""
    make_private(folder)
    facts = folder.lstat()
    if facts.st_uid not in {os.geteuid(), owner} or facts.st_mode & 0o7777 != _PRIVATE:
        raise CannotStart(f"{folder} is not private to this user: remove it.")


def leave_socket_folder(home: Path) -> None:
    """Remove the short folder of a server that has ended, if there was one."""
    with contextlib.suppress(OSError):
        _short_folder(home).rmdir()


def _short_folder(home: Path) -> Path:
    facts = home.stat()
    name = f"siyu-{os.geteuid()}-{facts.st_dev:x}{facts.st_ino:x}"
    return Path("/tmp") / name  # noqa: S108 - its owner and mode are checked
