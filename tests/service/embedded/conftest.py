"""Runs the small embedded mode of house.py as its own process and watches it from outside."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from services.embedded.servers import PostgresServer
from services.embedded.servers.ports import free_port

ROOT = Path(__file__).resolve().parents[3]
HOUSE = Path(__file__).with_name("house.py")
USER_SPACE = ("unshare", "--user", "--map-user=1000", "--map-group=1000", "--")
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--")


class House:
    """One data directory and the supervisors that were started on it."""

    def __init__(self, directory: Path, prefix: Sequence[str] = (), python: str = "") -> None:
        directory.mkdir(exist_ok=True)
        self.is_roots = os.geteuid() == 0 and not prefix
        self.data = directory / "var"
        self.port = free_port()
        self._words = [*prefix, python or sys.executable, str(HOUSE)]
        self._output = directory.parent / f"{directory.name}.output"
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self, *, app: str = "serves", **environment: str) -> subprocess.Popen[bytes]:
        """Start a supervisor."""
        mine = {"SIYU_DATA_DIR": str(self.data), "SIYU_PORT": str(self.port), "HOUSE_APP": app}
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("SIYU_")}
        paths = f"{ROOT}:{Path(pytest.__file__).parents[1]}"
        python = {"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}
        with self._output.open("wb") as output:
            running = subprocess.Popen(
                self._words,
                env={**inherited, **python, **mine, **environment},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._running.append(running)
        return running

    def start_and_wait(self) -> subprocess.Popen[bytes]:
        """Start a supervisor and wait until everything is ready."""
        running = self.start()
        self.wait_for("everything is ready")
        return running

    def said(self) -> str:
        """What the last supervisor printed so far."""
        return self._output.read_text()

    def wait_for(self, text: str, times: int = 1) -> None:
        """Wait until the last supervisor has printed a text."""
        eventually(lambda: self.said().count(text) >= times, why=lambda: f"{text}: {self.said()}")

    def pid_of(self, server: str) -> int:
        """The main process of a server."""
        file = {"postgres": "cluster/postmaster.pid", "valkey": "data/valkey.pid"}[server]
        return int((self.data / server / file).read_text().splitlines()[0])

    def starts(self) -> str:
        """What the program that runs once counted in PostgreSQL and Valkey, last time."""
        return (self.data / "logs/migrate.log").read_text().splitlines()[-1]

    def processes(self) -> list[str]:
        """Every process of this house: its command, folder or environment names the data."""
        return [found for entry in Path("/proc").glob("[0-9]*") if (found := self._names_us(entry))]

    def end(self) -> None:
        """Stop what still runs."""
        for running in self._running:
            if running.poll() is None:
                running.terminate()
                running.wait(20)

    def _names_us(self, entry: Path) -> str:
        with contextlib.suppress(OSError):
            if (entry / "stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return ""
            command = (entry / "cmdline").read_bytes()
            facts = command + (entry / "environ").read_bytes() + bytes((entry / "cwd").readlink())
            if bytes(self.data) in facts:
                return f"{entry.name} {command.decode(errors='replace')}"
        return ""


def eventually(
    question: Callable[[], bool], within: float = 20.0, why: Callable[[], object] = lambda: ""
) -> float:
    """Wait for a yes and return how long it took."""
    began = time.monotonic()
    while not question():
        assert time.monotonic() - began < within, why()
        time.sleep(0.02)
    return time.monotonic() - began


@pytest.fixture(scope="session")
def new_cluster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a PostgreSQL server that was started once: copying it is quicker."""
    folder = tmp_path_factory.mktemp("new") / "postgres"
    with PostgresServer(folder, fast=True):
        return folder


@pytest.fixture
def house(tmp_path: Path, new_cluster: Path) -> Iterator[House]:
    """A house of the user who runs the tests."""
    made = House(tmp_path)
    made.data.mkdir(mode=0o700)
    shutil.copytree(new_cluster, made.data / "postgres")
    yield made
    made.end()


@pytest.fixture(params=["as we are", "in a user namespace", "as nobody"])
def anybodys_house(request: pytest.FixtureRequest) -> Iterator[House]:
    """A house of the user who runs the tests, and if that is root, of two normal users."""
    with tempfile.TemporaryDirectory(prefix="siyu-test-") as directory:
        made = _house_as(request.param, Path(directory))
        yield made
        made.end()


def _house_as(who: str, directory: Path) -> House:
    if who == "as we are":
        return House(directory / "house")
    if os.geteuid() != 0:
        pytest.skip("the tests run as a normal user already")
    if who == "in a user namespace":
        _require([*USER_SPACE, "true"])
        return House(directory / "house", USER_SPACE)
    python = "/usr/bin/python3"
    check = "import sys, asyncpg, pydantic_settings; sys.exit(sys.version_info < (3, 11))"
    site = f"PYTHONPATH={Path(pytest.__file__).parents[1]}"
    _require([*NOBODY, "env", site, "PYTHONDONTWRITEBYTECODE=1", python, "-c", check])
    (directory / "house").mkdir()
    os.chown(directory / "house", 65534, 65534)
    directory.chmod(0o711)
    return House(directory / "house", NOBODY, python)


def _require(command: Sequence[str]) -> None:
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip(f"not possible here: {' '.join(command)}")


def kill(pid: int) -> None:
    """End a process as an accident would."""
    os.kill(pid, signal.SIGKILL)
