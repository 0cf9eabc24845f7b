"""Makes a PostgreSQL data directory, whole or not at all, and checks one that exists."""

import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from services.embedded.servers.binaries import PostgresBinaries
from services.embedded.servers.errors import CannotStart
from services.embedded.servers.identity import Identity
from services.embedded.servers.process import bound_to_us
from services.embedded.servers.strays import end_strays

BUILTIN_LOCALE_SINCE = 17
SCRAM_ITERATIONS_SINCE = 16
SCRAM_ITERATIONS = "scram_iterations=1"
"""Our passwords are 256 random bits, so stretching them only makes every connection slower."""


SUPERUSER = "siyu"
DATABASE = "siyu"


def make_cluster(
    cluster: Path,
    *,
    password: str,
    binaries: PostgresBinaries,
    identity: Identity,
    sync: bool,
) -> None:
    """Make the data directory with one superuser and one database.

    It is made under another name and renamed when it is complete, so that a killed first start
    leaves nothing that looks like a cluster.
    """
    half = cluster.with_name(cluster.name + ".new")
    if half.exists():
        end_strays(half, "postmaster.pid", signal.SIGINT)
        shutil.rmtree(half)
    half.mkdir(mode=0o700)
    identity.own(half)
    _initdb(half, password, binaries, identity, sync=sync)
    create = [str(binaries.folder / "postgres"), "--single", "-j", "-D", str(half), "postgres"]
    _run(identity.prefix, create, half, f'CREATE DATABASE "{DATABASE}";\n\n')
    half.rename(cluster)


def require_password(cluster: Path, password: Path) -> None:
    """Refuse a cluster whose password is lost: a new one would not open it."""
    if not password.exists():
        raise CannotStart(
            f"{password} is missing, so the data in {cluster} cannot be reached: "
            "restore it, or move the directory away to begin anew."
        )


def check_cluster(cluster: Path, binaries: PostgresBinaries, password: Path) -> None:
    """Refuse a data directory that this PostgreSQL cannot open, in one sentence."""
    try:
        version = (cluster / "PG_VERSION").read_text().strip()
    except OSError:
        raise CannotStart(
            f"{cluster} is not a PostgreSQL data directory (no PG_VERSION): "
            "restore it, or move it away to begin anew."
        ) from None
    if version != str(binaries.major):
        raise CannotStart(
            f"The data in {cluster} is of PostgreSQL {version}, but this is PostgreSQL "
            f"{binaries.major}: use that version, or move the directory away to begin anew."
        )
    require_password(cluster, password)


def _initdb(
    half: Path,
    password: str,
    binaries: PostgresBinaries,
    identity: Identity,
    *,
    sync: bool,
) -> None:
    secret = half.with_name("initdb.password")
    secret.unlink(missing_ok=True)
    secret.touch(mode=0o600)
    secret.write_text(password)
    identity.own(secret)
    words = [str(binaries.folder / "initdb"), "-D", str(half), "-U", SUPERUSER]
    words += ["-A", "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8", "--locale=C"]
    if binaries.major >= BUILTIN_LOCALE_SINCE:
        words += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    if binaries.major >= SCRAM_ITERATIONS_SINCE:
        words += ["-c", SCRAM_ITERATIONS]
    try:
        _run(identity.prefix, [*words, *([] if sync else ["--no-sync"])], half)
    finally:
        secret.unlink()


def _run(prefix: Sequence[str], command: list[str], half: Path, said: str = "") -> None:
    bound, _ = bound_to_us(signal.SIGKILL)
    ran = subprocess.run(
        [*prefix, *bound, *command],
        input=said,
        capture_output=True,
        text=True,
        check=False,
        cwd=half.parent,
    )
    if ran.returncode != 0:
        lines = (ran.stderr or ran.stdout).strip().splitlines() or ["it said nothing"]
        errors = [line for line in lines if "error:" in line or "FATAL:" in line]
        raise CannotStart(f"Cannot make the PostgreSQL cluster {half}: {(errors or lines)[-1]}")
