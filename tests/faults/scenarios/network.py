"""Edges that are cut, one-way, torn in the middle of a request; and callers who leave."""

import asyncio
import contextlib
import random

from tests.e2e import wire
from tests.faults.links import Link, Way
from tests.faults.stage import Stage

_CALLERS = 40  # at the same time
_IDLE = (
    "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'siyu-%'"
    " AND state LIKE 'idle in transaction%' AND state_change < now() - interval '3 seconds'"
)
_LENT = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'siyu-%'"
_MOST_A_POOL = 10
_WAYS: tuple[frozenset[Way], ...] = (
    frozenset({"there", "back"}),
    frozenset({"there"}),
    frozenset({"back"}),
)


async def partitions(stage: Stage) -> None:
    """F25. Random pairs do not hear each other, both ways or one; then all connections are reset."""
    links = stage.lab.links("→")
    for _ in range(max(3, round(3 * stage.long))):
        chosen = stage.dice.sample(links, 3)
        for link in chosen:
            link.silent = stage.dice.choice(_WAYS)
            stage.note("partition")
        await asyncio.sleep(4)
        _mend(stage, chosen)
        await asyncio.sleep(1)
    for link in links:
        link.rate = 50_000
    await stage.sleep(2)
    stage.lab.wires.heal()
    await stage.recovered("partitions", 30)


def _mend(stage: Stage, links: list[Link]) -> None:
    for link in links:
        link.heal()
        stage.lab.wires.sever(link)


async def everything_thrice(stage: Stage) -> None:
    """F23. Every event comes three times, in other bytes, shuffled; echoes too."""
    await stage.order("webhook_redelivered", 0.5)
    await stage.order("webhook_reorder", 0.2)
    stage.fans.copies = 3
    before = len(stage.fans.poster.history.said)
    await stage.sleep(9)
    stage.note("came thrice", len(stage.fans.poster.history.said) - before)
    stage.fans.copies = 1
    stage.lab.end_failures()


async def callers_leave(stage: Stage) -> None:
    """F35. Requests are given up at random points; pools and transactions are as before."""
    count = round(400 * stage.long)
    limit = asyncio.Semaphore(_CALLERS)
    door, people = stage.lab.links("fans→door", "people→api")

    async def leave(seed: int) -> None:
        async with limit:
            await _leave(random.Random(seed), door, people)
            stage.note("caller left")

    async with asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(leave(stage.dice.randrange(2**31)))
    await asyncio.sleep(4)
    rows = await asyncio.to_thread(stage.lab.rows, _IDLE)
    if rows[0]["count"]:
        stage.complain(f"F35 {rows[0]['count']} transactions are left open")
    lent = (await asyncio.to_thread(stage.lab.rows, _LENT))[0]["count"]
    if lent > _MOST_A_POOL * len(stage.lab.members):
        stage.complain(f"F35 {lent} connections to PostgreSQL are left")
    await stage.recovered("callers had left", 15)


async def _leave(dice: random.Random, door: Link, people: Link) -> None:
    link = dice.choice((door, people))
    body = wire.said(f"nobody-{dice.random()}", "再见", "").body()
    request = (
        f"POST /douyin/webhooks/{wire.CLIENT_KEY} HTTP/1.1\r\nHost: siyu\r\n"
        f"X-Douyin-Signature: {wire.signature(body, 'wrong')}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body
    if link is people:
        request = b"GET /v1/accounts/acc_demo/conversations HTTP/1.1\r\nHost: siyu\r\n\r\n"
    with contextlib.suppress(OSError):
        _, writer = await asyncio.open_connection("127.0.0.1", link.port)
        writer.write(request[: dice.randint(1, len(request))])
        await asyncio.sleep(dice.uniform(0, 0.03))
        writer.transport.abort()
