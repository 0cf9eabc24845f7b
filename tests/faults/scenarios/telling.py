"""Webhooks to organizations: who sends them dies, who hears them fails, and nothing is lost or mixed up."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Mapping

from tests.e2e.wire import DEMO
from tests.faults import hooks
from tests.faults.hooks import Hearer, listening, told_right
from tests.faults.scenarios.processes import die_at
from tests.faults.stage import Stage
from tests.faults.stories import TELLS
from tests.faults.tenants import OTHER

_POINTS = ("webhooks.after_claim", "webhooks.after_send")
_TYPE = "dm.rule_notified"
_EACH = 12  # messages to each shop while something fails
_HEALTHY_SECONDS = 5.0  # in which nineteen of twenty come to a shop whose machine works
_TOLD_WITHIN = 120.0
_LOOK_SECONDS = 3.0
_NOW = "SELECT now() AS now"
_FIRED = """
SELECT i.dedupe_key AS message_id, i.id AS cause FROM douyin.inbound i
JOIN direct_messages.message m ON m.platform_message_id = i.dedupe_key AND m.direction = 'in'
JOIN direct_messages.decision d ON d.message_id = m.id
WHERE i.event = 'im_receive_msg' AND i.dedupe_key = ANY($1) AND d.outcome = 'replied'
"""
_LATE = """
SELECT coalesce(extract(epoch FROM percentile_cont(0.95) WITHIN GROUP (ORDER BY d.ended_at - d.created_at)), 0)
  AS seconds
FROM open_platform.webhook_delivery d JOIN open_platform.webhook_endpoint e
  ON e.organization_id = d.organization_id AND e.id = d.endpoint_id
WHERE e.url = $1 AND d.created_at > $2 AND d.state = 'delivered'
"""
_PENDING = """
SELECT count(*) FROM open_platform.webhook_delivery d JOIN open_platform.webhook_endpoint e
  ON e.organization_id = d.organization_id AND e.id = d.endpoint_id
WHERE d.state = 'pending' AND e.state = 'enabled'
"""
# What waits for minutes after a failure, or for the lease of a dead sender, is due now.
_LATER = (
    "UPDATE open_platform.webhook_delivery SET next_try_at = now()"
    " WHERE state = 'pending' AND next_try_at > now() + interval '1 second'"
)

Asked = dict[str, list[str]]  # shop → messages


async def hearers_fail(stage: Stage) -> None:
    """F34, I8. Senders die between answer and commit; then a machine answers 500, hangs up, says nothing."""
    asked: Asked = {DEMO.open_id: [], OTHER.open_id: []}
    couriers = stage.lab.some("open_platform-worker")
    async with listening(stage.lab, _TYPE) as hearers:
        async with asyncio.TaskGroup() as group:
            talking = group.create_task(_talk_on(stage, asked))
            await die_at(stage, couriers, _POINTS, 0.1, 2)
            talking.cancel()
        await stage.lab.until_ready(60)
        since = (await asyncio.to_thread(stage.lab.rows, _NOW))[0]["now"]
        hearers[DEMO.open_id].moods = itertools.cycle((hooks.REFUSES, hooks.DIES, hooks.HANGS))
        for _ in range(round(_EACH * stage.long)):
            await _ask(stage, asked)
        await stage.sleep(4)
        hearers[DEMO.open_id].moods = itertools.repeat(hooks.TAKES)
        for complaint in await _all_told(stage, asked, hearers):
            stage.complain(complaint)
        well = hearers[OTHER.open_id].url
        late = (await asyncio.to_thread(stage.lab.rows, _LATE, well, since))[0]["seconds"]
        if late > _HEALTHY_SECONDS * stage.lab.pace.worst:
            stage.complain(f"F34 a shop whose machine works was told after {late:.1f} s")
        for met, count in Counter(one.met for h in hearers.values() for one in h.came).items():
            stage.note(f"webhook {met}", count)


async def _ask(stage: Stage, asked: Asked) -> None:
    """A new fan of each shop says what both rules tell their organizations of."""
    said = await asyncio.gather(*(stage.fans.probe(shop, TELLS) for shop in (DEMO, OTHER)))
    for shop, message_id in zip((DEMO, OTHER), said, strict=True):
        asked[shop.open_id].append(message_id)


async def _talk_on(stage: Stage, asked: Asked) -> None:
    while True:
        await _ask(stage, asked)
        await asyncio.sleep(0.2)


async def _all_told(stage: Stage, asked: Asked, hearers: Mapping[str, Hearer]) -> list[str]:
    """Wait until everybody was told of everything; what is wrong when that is so, or the time is over."""
    deadline = stage.lab.pace.deadline(_TOLD_WITHIN)
    while True:
        causes = {shop: await _causes(stage, said) for shop, said in asked.items()}
        waiting = (await asyncio.to_thread(stage.lab.rows, _PENDING))[0]["count"]
        wrong = [
            complaint
            for shop, hearer in hearers.items()
            for complaint in told_right(hearer, causes[shop])
        ]
        undecided = sum(map(len, asked.values())) - sum(map(len, causes.values()))
        if deadline.is_over or not (wrong or waiting or undecided):
            late = f"F34 {waiting} webhooks wait, {undecided} messages are not answered"
            return [*wrong, *([late] if waiting or undecided else [])]
        await asyncio.to_thread(stage.lab.rows, _LATER)
        await asyncio.sleep(_LOOK_SECONDS)


async def _causes(stage: Stage, said: list[str]) -> dict[str, str]:
    """Cause → message of those by which the rule fired."""
    rows = await asyncio.to_thread(stage.lab.rows, _FIRED, said)
    return {row["cause"]: row["message_id"] for row in rows}
