"""An append-only file of JSON lines; each write has reached the operating system on return."""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


class BrokenDataDirectoryError(Exception):
    """The data directory cannot be used; the message says why in one sentence."""


class Journal:
    """The only file of the simulator, held by one process at a time."""

    def __init__(self, directory: Path) -> None:
        """Open or create the journal in `directory` and lock it for this process."""
        self._path = directory / "journal.jsonl"
        try:
            directory.mkdir(parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            self._file = os.open(self._path, flags, 0o600)
        except OSError as error:
            raise BrokenDataDirectoryError(
                f"The simulator cannot use its data directory {directory}: {error.strerror}."
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._file)
            raise BrokenDataDirectoryError(
                f"Another simulator is running on the data directory {directory}."
            ) from error
        self._size = os.fstat(self._file).st_size

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return self._path

    def lines(self) -> Iterator[bytes]:
        """All whole lines, oldest first; a last line torn by a crash is cut off the file."""
        whole = 0
        with self._path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                whole += len(line)
                yield line
        if whole < self._size:
            self._cut(whole)

    def write(self, lines: bytes) -> None:
        """Append whole lines. If the disk refuses, the file stays as it was."""
        try:
            written = os.write(self._file, lines)
        except OSError:
            self._cut(self._size)
            raise
        if written < len(lines):
            self._cut(self._size)
            raise OSError(f"The disk took only {written} of {len(lines)} bytes.")
        self._size += written

    def clear(self) -> None:
        """Forget everything."""
        self._cut(0)

    def close(self) -> None:
        """Give the file and its lock back."""
        os.close(self._file)

    def _cut(self, size: int) -> None:
        os.ftruncate(self._file, size)
        self._size = size
