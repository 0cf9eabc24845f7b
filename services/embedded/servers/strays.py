"""Ends what a killed run left at work in a folder, so that the next run can have it."""

import contextlib
import os
import platform
import signal
import subprocess
import time
from pathlib import Path

from services.embedded.servers.errors import CannotStart

_ENDS_BY_ITSELF_WITHIN = 0.3
_STOPS_WITHIN = 10.0
_DIES_WITHIN = 5.0


def end_strays(folder: Path, pid_file: str, polite: signal.Signals) -> None:
    """End every process that works in the folder. Call it only with the folder locked.

    A server whose main process lives is asked politely; workers that outlived it are killed.
    """
    if _gone(folder, pid_file, _ENDS_BY_ITSELF_WITHIN):
        return
    leader = _pid_in(folder / pid_file)
    if leader in processes_in(folder, pid_file):
        _signal(leader, polite)
        if _gone(folder, pid_file, _STOPS_WITHIN):
            return
    for pid in processes_in(folder, pid_file):
        _signal(pid, signal.SIGKILL)
    if not _gone(folder, pid_file, _DIES_WITHIN):
        left = processes_in(folder, pid_file)
        raise CannotStart(f"Processes {left} of an earlier run still use {folder}: end them.")


def processes_in(folder: Path, pid_file: str) -> list[int]:
    """Return the processes that work in the folder: it is their working directory."""
    if platform.system() != "Linux":
        return _process_of(folder, pid_file)
    place = os.path.realpath(folder)
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if str((entry / "cwd").readlink()) == place:
                    found.append(int(entry.name))
    return found


def _process_of(folder: Path, pid_file: str) -> list[int]:
    """Elsewhere than on Linux: the process of the pid file, if its command names the folder."""
    pid = _pid_in(folder / pid_file)
    if pid == 0:
        return []
    listing = subprocess.run(
        ["ps", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return [pid] if str(folder.parent) in listing.stdout else []


def _pid_in(pid_file: Path) -> int:
    """Return the process id on the first line; 0, which is nobody's, if there is none."""
    try:
        return int(pid_file.read_text().splitlines()[0])
    except (OSError, ValueError, IndexError):
        return 0


def _gone(folder: Path, pid_file: str, within: float) -> bool:
    deadline = time.monotonic() + within
    while processes_in(folder, pid_file):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _signal(pid: int, sent: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, sent)
