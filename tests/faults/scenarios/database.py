"""PostgreSQL is restarted, killed, cut off in the middle of a commit, or has no room for us."""

import asyncio
import contextlib
import signal
import time

import asyncpg

from tests.faults.stage import Stage

_NORMAL_WITHIN = 15.0  # seconds after PostgreSQL is up
_TERMINATE = (
    "SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity"
    " WHERE application_name LIKE 'siyu-%' ORDER BY random() LIMIT 1) one"
)
_LEFT = 3  # connections that nobody holds
_LOCKS = "LOCK TABLE douyin.inbound, quota.bucket IN ACCESS EXCLUSIVE MODE"
_ONE_ROW = (
    "SELECT 1 FROM direct_messages.conversation ORDER BY last_inbound_at DESC LIMIT 1 FOR UPDATE"
)


async def restarted(stage: Stage) -> None:
    """F12. Politely, at once, and without a word."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        await stage.lab.wound_postgres(number)
        await stage.recovered("PostgreSQL ended", _NORMAL_WITHIN)


async def backends_ended(stage: Stage) -> None:
    """F13. Any statement may fail."""
    connection = await asyncpg.connect(stage.lab.database_url)
    ends = time.monotonic() + 7 * stage.long
    while time.monotonic() < ends:
        if await connection.fetchval(_TERMINATE):
            stage.note("backend ended")
        await asyncio.sleep(0.1)
    await connection.close()
    await stage.recovered("backends were ended", _NORMAL_WITHIN)


async def commits_without_reply(stage: Stage) -> None:
    """F14. The commit is done, and nobody hears of it."""
    for link in stage.lab.links("→postgres"):
        link.cuts_after, link.cut_probability = b"COMMIT\0", 0.05
    await stage.sleep(8)
    stage.lab.wires.heal()
    await stage.recovered("replies to commits were lost", _NORMAL_WITHIN)


async def no_room(stage: Stage) -> None:
    """F15. All connections are held; then a row, and whole tables, are locked for long."""
    held: list[asyncpg.Connection] = []
    try:
        await _hold(stage, held)
        await stage.sleep(4)
    finally:
        for connection in held[1:]:
            connection.terminate()
    for sql in (_ONE_ROW, _LOCKS):
        transaction = held[0].transaction()
        await transaction.start()
        await held[0].execute(sql)
        stage.note("locked for long")
        await stage.sleep(5)
        await transaction.rollback()
    await held[0].close()
    await stage.recovered("PostgreSQL had no room", _NORMAL_WITHIN)


async def _hold(stage: Stage, held: list[asyncpg.Connection]) -> None:
    """Take every connection there is but a few, and drive our own out of theirs."""
    held.append(await asyncpg.connect(stage.lab.database_url))
    most = int(await held[0].fetchval("SHOW max_connections"))
    for _ in range(most):
        free = most - int(await held[0].fetchval("SELECT count(*) FROM pg_stat_activity"))
        if free <= _LEFT:
            break
        with contextlib.suppress(asyncpg.PostgresError, OSError):
            held.append(await asyncpg.connect(stage.lab.database_url, timeout=2))
            stage.note("connection held")
