"""The business clock moves where embedded mode or a test allowed it, and nowhere else."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from services.embedded.servers import PostgresServer
from services.quota.service import SERVICE
from shared import ids
from shared.db.migrations import let_clock_move, migrate
from tests.support.world import resources_for


async def _asked(url: str, statement: str) -> Any:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def upgrade(url: str) -> None:
    """What `siyu migrate` does for one service; roles are the server's, so it keeps their passwords."""
    resources = resources_for(url, "redis://127.0.0.1:1")
    password = resources.role_password(SERVICE.name)
    await migrate(url, SERVICE.name, SERVICE.metadata, password)
    await resources.close()


@pytest.fixture
def production(postgres: PostgresServer) -> Iterator[str]:
    """A database as `siyu migrate` makes it, twice as upgrades do."""
    name = ids.new("t")
    postgres.create_database(name)
    for _ in range(2):
        asyncio.run(upgrade(postgres.url(name)))
    yield postgres.url(name)
    postgres.drop_database(name)


def seconds_ahead(url: str) -> float:
    found = asyncio.run(_asked(url, "SELECT extract(epoch FROM siyu.business_now() - now())"))
    return float(found)


def advance(url: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the command there; the simulator that it wants to move too is away."""
    (folder / "demo.json").write_text(json.dumps({"simulator_url": "http://127.0.0.1:1"}), "utf-8")
    servers = {
        "DATABASE_URL": url,
        "REDIS_URL": "redis://127.0.0.1:1",
        "SIYU_DATA_DIR": f"{folder}",
    }
    return subprocess.run(
        [sys.executable, "-m", "services.embedded", "clock", "advance", "31d"],
        env={**os.environ, **servers},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_nobody_moves_the_clock_of_a_production_database(production: str) -> None:
    moves = "UPDATE siyu.clock SET ahead = ahead + '31 days'"
    with pytest.raises(asyncpg.CheckViolationError, match="moves_in_embedded_mode_only"):
        asyncio.run(_asked(production, moves))
    assert seconds_ahead(production) == 0


def test_the_command_says_in_one_sentence_why_it_does_not(production: str, tmp_path: Path) -> None:
    ended = advance(production, tmp_path)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        "the business clock of this database stands: `siyu up` did not prepare it.\n"
    )
    assert seconds_ahead(production) == 0


def test_without_the_simulator_our_clock_does_not_move_alone(
    production: str, tmp_path: Path
) -> None:
    asyncio.run(let_clock_move(production))
    ended = advance(production, tmp_path)
    assert "is `make run` running?" in ended.stderr
    assert seconds_ahead(production) == 0


def test_a_clock_that_was_moved_before_there_was_a_mark_keeps_its_time(production: str) -> None:
    before = "ALTER TABLE siyu.clock DROP COLUMN movable; UPDATE siyu.clock SET ahead = '1 day'"
    for statement in before.split(";"):
        asyncio.run(_asked(production, statement))
    asyncio.run(upgrade(production))
    assert seconds_ahead(production) == 86_400
