"""One PostgreSQL and one Valkey for each test process; every test gets a database of its own."""

import asyncio
import importlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import redis

from services.embedded.servers import PostgresServer, ValkeyServer
from shared.ids import new
from shared.runtime import Service
from tests.support.world import World, migrate_all, open_world

NAMES = ("open_platform", "fans", "quota", "douyin", "direct_messages")

ENOUGH_MEMORY = 4 * 2**30
OURS = "siyu-tests-"

OpenWorld = Callable[..., AbstractAsyncContextManager[World]]


def service(name: str) -> Service:
    """The service of that name."""
    found: Service = importlib.import_module(f"services.{name}.service").SERVICE
    return found


@pytest.fixture(scope="session")
def quick_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in memory where there is enough of it: a database a test is a thousand files a test."""
    memory = Path("/dev/shm")
    for left in memory.glob(f"{OURS}*"):  # by a run that was killed
        if not Path("/proc", left.name.split("-")[2]).exists():
            shutil.rmtree(left, ignore_errors=True)
    with suppress(OSError):
        if shutil.disk_usage(memory).free > ENOUGH_MEMORY:
            with TemporaryDirectory(dir=memory, prefix=f"{OURS}{os.getpid()}-") as folder:
                yield Path(folder)
            return
    yield tmp_path_factory.mktemp("quick")


@pytest.fixture(scope="session")
def postgres(quick_folder: Path) -> Iterator[PostgresServer]:
    """A server with a template that holds every service's schema."""
    with PostgresServer(quick_folder / "postgres", fast=True) as server:
        server.create_database("template_siyu")
        asyncio.run(migrate_all(server.url("template_siyu"), [service(n) for n in NAMES]))
        yield server


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    """A carrier."""
    with ValkeyServer(Path(tmp_path_factory.mktemp("valkey")), persistent=False) as server:
        yield server


@pytest.fixture
def database_url(postgres: PostgresServer) -> Iterator[str]:
    """A fresh, migrated database."""
    name = new("t")
    postgres.create_database(name, template="template_siyu")
    yield postgres.url(name)
    postgres.drop_database(name)


@pytest.fixture
def redis_url(valkey: ValkeyServer) -> str:
    """An empty carrier."""
    with redis.Redis.from_url(valkey.url(), socket_timeout=10) as client:
        client.flushall()
    return valkey.url()


@pytest.fixture
def worlds(database_url: str, redis_url: str) -> OpenWorld:
    """`async with worlds("quota", "fans") as world:` – those services, running."""

    def make(*names: str, **changed: Any) -> AbstractAsyncContextManager[World]:
        return open_world(database_url, redis_url, [service(n) for n in names], **changed)

    return make
