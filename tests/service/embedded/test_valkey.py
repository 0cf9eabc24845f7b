"""The Valkey launcher: data, clients, paths, leftovers."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from arq.connections import RedisSettings, create_pool

from services.embedded.servers import CannotStart, ValkeyServer
from tests.service.embedded.conftest import eventually


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ValkeyServer]:
    made = ValkeyServer(tmp_path / "valkey", tcp_port=0)
    made.start()
    yield made
    made.stop()


def ask(server: ValkeyServer, *command: str) -> object:
    with redis.Redis.from_url(server.url(), decode_responses=True) as client:
        return client.execute_command(*command)


def test_data_survives_a_stop_and_a_kill(server: ValkeyServer) -> None:
    ask(server, "SET", "kept", "42")
    server.restart()
    assert ask(server, "GET", "kept") == "42"
    server.kill()
    server.start()
    assert ask(server, "GET", "kept") == "42"


def test_nothing_is_ever_evicted(server: ValkeyServer) -> None:
    assert ask(server, "CONFIG", "GET", "maxmemory-policy") == ["maxmemory-policy", "noeviction"]
    assert ask(server, "CONFIG", "GET", "appendfsync") == ["appendfsync", "everysec"]


def test_a_server_without_persistence_forgets(tmp_path: Path) -> None:
    server = ValkeyServer(tmp_path, persistent=False)
    with server:
        ask(server, "SET", "kept", "42")
    with server:
        assert ask(server, "GET", "kept") is None
    assert list(server.data.iterdir()) == []


async def test_arq_and_the_port_take_the_same_password(server: ValkeyServer) -> None:
    pool = await create_pool(RedisSettings.from_dsn(server.url()))
    assert await pool.ping()
    await pool.aclose()
    with redis.Redis.from_url(server.tcp_url()) as client:
        assert client.ping()
    stranger = redis.Redis(port=server.tcp_port or 0, password="guess")
    with stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()


def test_a_path_that_is_deep_and_odd_is_no_problem(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 90) / 'with a space, a "quote" and 中文'
    with ValkeyServer(deep) as server:
        assert ask(server, "PING") is True
        sockets = server.socket.parent
        assert sockets.stat().st_mode & 0o777 == 0o700
    assert not sockets.exists()


def test_a_server_that_an_earlier_run_left_behind_is_ended(server: ValkeyServer) -> None:
    ask(server, "SET", "kept", "42")
    server.stop()
    with subprocess.Popen(server.command(), stdout=subprocess.DEVNULL) as orphan:
        try:
            eventually((server.data / "valkey.pid").exists)
            server.start()
            assert orphan.wait(5) == 0
        finally:
            orphan.kill()
    assert ask(server, "GET", "kept") == "42"


def test_a_system_server_can_be_used_instead(tmp_path: Path) -> None:
    system = shutil.which("valkey-server") or shutil.which("redis-server")
    if system is None:
        pytest.skip("this machine has no Valkey or Redis of its own")
    with ValkeyServer(tmp_path, binary=Path(system)) as server:
        assert ask(server, "PING") is True


def test_a_broken_append_only_file_is_named_in_one_sentence(server: ValkeyServer) -> None:
    ask(server, "SET", "kept", "42")
    server.stop()
    log = next(server.data.glob("appendonlydir/*.incr.aof"))
    log.write_bytes(b"this is no append-only file\r\n" * 10)
    with pytest.raises(CannotStart, match=f"Valkey cannot run on {server.data}: ") as problem:
        server.start()
    assert "\n" not in str(problem.value)
    print(problem.value)
