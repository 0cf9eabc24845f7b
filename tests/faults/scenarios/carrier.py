"""Valkey dies, forgets, remembers what is long over, refuses, or does not answer."""

import asyncio
import os
import shutil
import signal
from collections import Counter
from pathlib import Path

from tests.faults.stage import Stage

_NORMAL_WITHIN = 30.0  # seconds after Valkey is back
_FOLDER = "appendonlydir"
_TORN = 7  # bytes that are missing of the last record


async def killed(stage: Stage) -> None:
    """F4."""
    async with stage.lab.valkey_down():
        pass
    await stage.recovered("Valkey was killed", _NORMAL_WITHIN)


async def last_second_lost(stage: Stage) -> None:
    """F5. What a power cut leaves: the log as it was a second before, its last record torn."""
    log = _newest_log(stage.lab.valkey.data)
    size = log.stat().st_size
    await asyncio.sleep(1)
    async with stage.lab.valkey_down():
        lost = log.stat().st_size - size
        os.truncate(log, max(size - _TORN, 0))
    if lost > 0:
        stage.note("log truncated")
    await stage.recovered("the log of Valkey lost a second", _NORMAL_WITHIN)


def _newest_log(data: Path) -> Path:
    return max((data / _FOLDER).glob("*.incr.aof"), key=lambda path: path.stat().st_mtime)


async def flushed(stage: Stage) -> None:
    """F6."""
    with stage.lab.carrier() as carrier:
        await asyncio.to_thread(carrier.flushall)
    stage.note("flushed")
    stage.note("valkey_losses")
    await stage.recovered("FLUSHALL", _NORMAL_WITHIN)


async def empty(stage: Stage) -> None:
    """F6. It comes back with an empty directory."""
    async with stage.lab.valkey_down() as data:
        shutil.rmtree(data / _FOLDER)
        stage.note("came back empty")
    await stage.recovered("Valkey came back empty", _NORMAL_WITHIN)


async def forgotten(stage: Stage) -> None:
    """F6, both forms."""
    await flushed(stage)
    await empty(stage)


def remember(stage: Stage) -> Path:
    """A copy of what Valkey has on disk now, to come back with it later."""
    copy = stage.lab.folder / f"valkey-{stage.dice.randrange(2**31)}"
    shutil.copytree(stage.lab.valkey.data / _FOLDER, copy)
    return copy


async def back_in_time(stage: Stage, copy: Path | None = None) -> None:
    """F7. All that was carried since the snapshot has been handled long ago, and comes again."""
    if copy is None:
        copy = remember(stage)
        await stage.sleep(6)
    async with stage.lab.valkey_down() as data:
        shutil.rmtree(data / _FOLDER)
        shutil.copytree(copy, data / _FOLDER)
        stage.note("came back old")
    await stage.recovered("an old Valkey came back", _NORMAL_WITHIN)


async def full(stage: Stage) -> None:
    """F9. No memory: first it refuses, then, wrongly configured, it throws keys away."""
    with stage.lab.carrier() as carrier:
        for policy, seconds in (("noeviction", 5), ("allkeys-lru", 4)):
            used = int(carrier.info("memory")["used_memory"])
            carrier.config_set("maxmemory-policy", policy)
            carrier.config_set("maxmemory", max(used - 200_000, 600_000))
            await stage.sleep(seconds)
        refused = carrier.info("errorstats")
        evicted = carrier.info("stats")
        carrier.config_set("maxmemory", 0)
        carrier.config_set("maxmemory-policy", "noeviction")
    stage.note("refused for memory", int(refused.get("errorstat_OOM", {}).get("count", 0)))
    stage.note("thrown away", int(evicted["evicted_keys"]))
    await stage.recovered("Valkey had no memory", _NORMAL_WITHIN)


async def silent(stage: Stage) -> None:
    """F11. It stands still, then is slow; the door does not notice."""
    history = stage.fans.poster.history
    before = Counter(history.answers)
    pid = stage.lab.valkey.pid or 0
    os.kill(pid, signal.SIGSTOP)
    stage.note("Valkey stood still")
    await stage.sleep(6)
    os.kill(pid, signal.SIGCONT)
    for link in stage.lab.links("→valkey"):
        link.delay = 2.0
    await stage.sleep(5)
    answers = history.answers - before
    stage.lab.wires.heal()
    if answers["200"] < answers.total() / 2:  # a door that waits for Valkey would take nearly none
        stage.complain(f"F11 the door did not work without Valkey: {dict(answers)}")
    await stage.recovered("Valkey was silent", _NORMAL_WITHIN)
