"""The same hop by arq, tuned: a job carries an id, and its worker notes when it ran. No PostgreSQL.

python -m tests.load.peers.arq_jobs work URL NOTES    and    … send URL COUNT PAUSE
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import uvloop
from arq import create_pool, func
from arq.connections import RedisSettings
from arq.worker import Worker

_POLL, _AT_ONCE = 0.01, 500


async def _note(ctx: dict[Any, Any], *args: Any, **kwargs: Any) -> None:
    ctx["notes"].write(f"{args[0]} {time.time():.6f}\n".encode())


async def _work(url: str, notes: Path) -> None:
    with notes.open("ab", buffering=0) as file:
        worker = Worker(
            [func(_note, name="note", keep_result=0)],
            redis_settings=RedisSettings.from_dsn(url),
            ctx={"notes": file},
            poll_delay=_POLL,
            max_jobs=_AT_ONCE,
            handle_signals=False,
        )
        await worker.async_run()


async def _send(url: str, count: int, pause: float) -> dict[str, float]:
    """When each was sent: id → time."""
    pool = await create_pool(RedisSettings.from_dsn(url))
    sent = {}
    for number in range(count):
        name = f"job-{time.time_ns()}-{number}"
        sent[name] = time.time()
        await pool.enqueue_job("note", name)
        if pause:
            await asyncio.sleep(pause)
    await pool.aclose()
    return sent


if __name__ == "__main__":
    _, what, where, *rest = sys.argv
    if what == "work":
        uvloop.run(_work(where, Path(rest[0])))
    else:
        print(json.dumps(uvloop.run(_send(where, int(rest[0]), float(rest[1])))))
