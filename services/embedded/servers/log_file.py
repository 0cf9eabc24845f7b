"""A child's log file: appended to, kept small, and quoted when the child fails."""

import re
import shutil
from pathlib import Path
from typing import IO

LARGEST = 10 * 1024 * 1024
_QUOTED = 64 * 1024
_CAUSE = re.compile(r"\b(?:FATAL|PANIC):\s+(.*)|Fatal error[^:]*:?\s*(.*)|# (.*rror.*)")


class LogFile:
    """Standard output and error of one child over all its runs."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._run_began = 0

    def open_for_run(self) -> IO[bytes]:
        """Open for appending and remember where this run's lines begin."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.rotate_if_large()
        opened = self.path.open("ab")
        self._run_began = opened.tell()
        return opened

    def rotate_if_large(self) -> None:
        """Move a large log aside. Writers append, so they go on in the emptied file."""
        if self.path.is_file() and self.path.stat().st_size > LARGEST:
            shutil.copyfile(self.path, self.path.with_name(self.path.name + ".1"))
            with self.path.open("r+b") as log:
                log.truncate()
            self._run_began = 0

    def last_lines(self, count: int) -> list[str]:
        """Return the last lines that the current run wrote."""
        if not self.path.is_file():
            return []
        with self.path.open("rb") as log:
            log.seek(max(self._run_began, self.path.stat().st_size - _QUOTED))
            lines = log.read().decode(errors="replace").splitlines()
        return [line for line in lines if line.strip()][-count:]

    def cause(self) -> str:
        """Return what the current run died of: its fatal error, else its last line."""
        lines = self.last_lines(50)
        for line in reversed(lines):
            fatal = _CAUSE.search(line)
            if fatal is not None:
                return next(text for text in fatal.groups() if text is not None)
        return lines[-1].removeprefix("but ") if lines else "it said nothing"
