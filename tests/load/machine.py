"""On what was measured, and whether anybody else was busy on it."""

import importlib.metadata
import os
import platform
import subprocess
import time
from pathlib import Path

from services.embedded.servers.binaries import find_postgres, find_valkey

_OURS = ("uvloop", "asyncpg", "aiohttp", "fastapi", "redis")
BUSY = 5.0  # percent of the machine; above it figures are only indications


def describe(peers: Path | None) -> str:
    """Cores, memory and every version that a figure may depend on; `peers`: their interpreter."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    parts = [
        f"{os.cpu_count()} cores ({_processor()}), {memory:.0f} GB, {platform.system()} {platform.machine()}",
        # one version is up to a third slower when it was built without profile-guided optimisation
        f"Python {platform.python_version()} (built {platform.python_build()[1]}, {platform.python_compiler()})",
        _asked(str(find_postgres().folder / "postgres"), "--version"),
        _asked(str(find_valkey()), "--version"),
        ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _OURS),
    ]
    if peers is not None:
        parts.append("peers: " + _asked(str(peers), "-m", "tests.load.peers.versions"))
    return "; ".join(parts)


def others(seconds: float = 2.0) -> float:
    """Percent of the machine that somebody else uses while we do nothing."""
    before, began = _busy(), time.monotonic()
    time.sleep(seconds)
    cores = os.cpu_count() or 1
    return (_busy() - before) / (time.monotonic() - began) / cores * 100


def _busy() -> float:
    """CPU seconds that all processes of the machine have used; 0 where nobody says."""
    try:
        words = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    except OSError:
        return 0.0
    user, nice, system, _idle, _waiting, *interrupts = map(int, words)
    return (user + nice + system + sum(interrupts[:3])) / os.sysconf("SC_CLK_TCK")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _asked(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return " ".join(done.stdout.split()[:12])
