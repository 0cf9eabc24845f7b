"""A loop of ours that dies takes its process with it, which says why, but nothing of what people wrote."""

import asyncio
import json
import sys

from tests.service.shared.conftest import Road
from tests.support.world import MASTER_KEY

_PROCESS = """
import asyncio, dataclasses, logging, sys
from services.embedded.servers.ports import free_port
from services.quota.service import SERVICE
from shared.runtime import Resources, Worker
from shared.runtime.process import Process, serve
from shared.settings import ProcessSettings

async def dies():
    await asyncio.sleep(0.5)
    try:
        raise KeyError("canary-text")
    except KeyError:
        logging.getLogger("a.library").exception("canary-text")
        raise ValueError("canary-text")

broken = dataclasses.replace(SERVICE, build_worker=lambda _: Worker(background=[dies]))
resources = Resources(ProcessSettings(), "broken")
serve(Process([broken]), resources, "127.0.0.1", free_port())
"""


async def test_a_loop_that_dies_ends_its_process_with_one_line_that_says_where(road: Road) -> None:
    environment = {
        "DATABASE_URL": road.database_url,
        "REDIS_URL": road.redis_url,
        "SIYU_MASTER_KEY": MASTER_KEY,
    }
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _PROCESS, env=environment, stdout=pipe, stderr=pipe
    )
    async with asyncio.timeout(30):
        told, complained = await process.communicate()
    assert process.returncode == 1
    assert told == b""
    assert "canary-text" not in complained.decode()
    lines = [json.loads(line) for line in complained.splitlines()]
    (died,) = [line for line in lines if line["event"] == "process_died"]
    assert died["level"] == "error"
    outline = [line.strip() for line in died["exception"]]
    assert {"ExceptionGroup", "ValueError", "KeyError"} <= set(outline)
    assert [line for line in outline if line.endswith(" dies")], "where it broke"
    (library,) = [line for line in lines if line["event"] == "a.library"]
    assert library["exception"][0] == "KeyError"
