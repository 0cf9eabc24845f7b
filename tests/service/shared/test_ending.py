"""A process that is asked to stop ends: also one that still starts, and one in which something hangs."""

import os
import subprocess
import sys

PROCESS = """
import asyncio, contextlib, os, signal, sys
import sqlalchemy as sa
from services.embedded.servers.ports import free_port
from shared.runtime import Service, Worker
from shared.runtime.process import Process, serve
from tests.support.world import resources_for

@contextlib.asynccontextmanager
async def asked_while_it_starts():
    os.kill(os.getpid(), signal.SIGTERM)
    yield

async def hangs():
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(3600)

loops = [hangs] if sys.argv[1] == "hangs" else []
worker = Worker(running=asked_while_it_starts, background=loops)
service = Service("fans", sa.MetaData(), lambda resources: None, lambda resources: worker)
resources = resources_for(os.environ["TEST_DATABASE"], os.environ["TEST_REDIS"])
process = Process([service], api=False, ends_within=3)
serve(process, resources, "127.0.0.1", free_port())
"""


def ended(how: str, database_url: str, redis_url: str) -> tuple[int, str]:
    """Exit status and stderr of a worker that is asked to stop as it starts."""
    environment = {**os.environ, "TEST_DATABASE": database_url, "TEST_REDIS": redis_url}
    words = [sys.executable, "-c", PROCESS, how]
    done = subprocess.run(
        words, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stderr


def test_who_is_asked_while_it_starts_ends_as_one_who_runs(
    database_url: str, redis_url: str
) -> None:
    status, said = ended("starts", database_url, redis_url)
    assert (status, "Timeout" in said) == (0, False), said


def test_what_hangs_is_ended_in_time_and_shown(database_url: str, redis_url: str) -> None:
    status, said = ended("hangs", database_url, redis_url)
    assert status == 1, said
    assert "Timeout (0:00:03)!" in said, said
