"""Which user a PostgreSQL server runs as: it refuses root, and we add no user to the machine."""

import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from services.embedded.servers.binaries import PostgresBinaries
from services.embedded.servers.errors import CannotStart

Way = Literal["direct", "namespace", "nobody"]
NOBODY = 65534
_PREFIXES: dict[Way, tuple[str, ...]] = {
    "direct": (),
    "namespace": ("unshare", "--user", "--map-user=1000", "--map-group=1000", "--"),
    "nobody": (
        *("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}"),
        *("--clear-groups", "--inh-caps=-all", "--"),
    ),
}
_OUTSIDE = (Path("/var/lib"), Path("/var/tmp"))  # noqa: S108 - a private folder is made inside


@dataclass(frozen=True, slots=True)
class Identity:
    """How a server process is started so that it does not run as root."""

    way: Way

    @property
    def prefix(self) -> Sequence[str]:
        """Words to put before a command."""
        return _PREFIXES[self.way]

    @property
    def uid(self) -> int:
        """Owner that the server's files must have, seen from outside."""
        return NOBODY if self.way == "nobody" else os.geteuid()

    def own(self, path: Path) -> None:
        """Give a file or folder that we just made to the server's user."""
        if self.way == "nobody":
            os.chown(path, NOBODY, NOBODY)

    def can_enter(self, folder: Path) -> bool:
        """Whether the server's user can reach what lies in the folder."""
        return self.way != "nobody" or _runs([*self.prefix, "test", "-x", str(folder)])

    def usable(self, binaries: PostgresBinaries, copy_to: Path) -> PostgresBinaries:
        """Return binaries that the server's user can run: these, or a copy of them."""
        if self.can_enter(binaries.folder):
            return binaries
        return _copied(binaries, copy_to / f"postgresql-{binaries.major}")


@functools.cache
def identity_for_this_user() -> Identity:
    """Return the first way that works here: as ourselves, else as root without being root."""
    if os.geteuid() != 0:
        return Identity("direct")
    ways: tuple[Way, ...] = ("namespace", "nobody")
    for way in ways:
        if _runs([*_PREFIXES[way], "true"]):
            return Identity(way)
    raise CannotStart(
        "PostgreSQL does not run as root, and neither unshare nor setpriv works here: "
        "start as a normal user or set DATABASE_URL."
    )


def private_folder_outside(*, temporary: bool) -> Path:
    """Make a folder that other users can enter but not list, outside every home."""
    for place in (Path(tempfile.gettempdir()),) if temporary else _OUTSIDE:
        if os.access(place, os.W_OK):
            folder = Path(tempfile.mkdtemp(prefix="siyu-", dir=place))
            folder.chmod(0o711)
            return folder
    raise CannotStart("PostgreSQL's user cannot enter the data directory: set SIYU_DATA_DIR.")


def _copied(binaries: PostgresBinaries, target: Path) -> PostgresBinaries:
    """Copy an installation, keeping the place of its bundled libraries, readable for everyone."""
    installation = binaries.folder.parent
    home = target / "package" / installation.name
    if not home.is_dir():
        half = target.with_name(target.name + ".new")
        shutil.rmtree(half, ignore_errors=True)
        shutil.copytree(installation, half / "package" / installation.name, symlinks=True)
        if binaries.libraries is not None:
            shutil.copytree(binaries.libraries, half / binaries.libraries.name, symlinks=True)
        subprocess.run(["chmod", "-R", "a+rX", str(half)], check=True)
        half.rename(target)
    return PostgresBinaries(home / "bin", binaries.major)


def _runs(command: Sequence[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=10, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
