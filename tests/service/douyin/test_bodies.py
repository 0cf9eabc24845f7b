"""What the platform posted: sealed at rest, readable by an operator, forgotten after its time."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from services.douyin.actions.bodies import forget_bodies, read_webhook
from services.embedded.operations import show_webhook
from services.embedded.servers import CannotStart
from shared.db import ALL_TENANTS
from tests.service.douyin.conftest import ORGANIZATION, Connector
from tests.service.douyin.test_door import a_message, rows

TEXT = "canary-kept-5f0c"
DAYS = timedelta(days=30)


async def stored(connector: Connector, message_id: str = "@m1==", **changed: Any) -> str:
    """The id under which one message of a fan is stored."""
    before = {row["id"] for row in await rows(connector)}
    answer = await connector.post(a_message(message_id, content={"text": TEXT}, **changed))
    assert answer.status_code == 200
    (row,) = [row for row in await rows(connector) if row["id"] not in before]
    return str(row["id"])


def forget(connector: Connector) -> Any:
    return partial(forget_bodies, connector.world.resources.database("douyin"), DAYS)


async def test_a_body_rests_sealed_for_its_organization_and_day(quiet: Connector) -> None:
    await stored(quiet)
    (row,) = await rows(quiet)
    sealer = quiet.world.resources.sealer
    assert TEXT.encode() not in bytes(row["body"])
    assert TEXT.encode() in sealer.open_bytes(ORGANIZATION, row["body"])
    day = (await quiet.world.now()).date().isoformat()
    assert bytes(row["body"][1:11]).decode() == day


@pytest.mark.parametrize("account", ["biz-open-id-0001", "somebody"])
async def test_an_operator_reads_it_by_its_cause(
    quiet: Connector, capsys: pytest.CaptureFixture[str], account: str
) -> None:
    cause = await stored(quiet, to_user_id=account)
    await show_webhook(quiet.world.resources.settings, cause)
    first, body = capsys.readouterr().out.splitlines()[-2:]
    assert first.startswith("im_receive_msg ")
    assert TEXT in body
    with pytest.raises(CannotStart, match="no webhook is stored as"):
        await show_webhook(quiet.world.resources.settings, "evt_nobody")


async def test_a_body_stored_before_there_were_seals_stays_readable(quiet: Connector) -> None:
    cause = await stored(quiet)
    await quiet.world.sql("UPDATE douyin.inbound SET body = $1", b' {"old": true}')
    resources = quiet.world.resources
    found = await read_webhook(resources.database("douyin"), resources.sealer, cause)
    assert found is not None
    assert found.body == b' {"old": true}'


async def test_a_body_is_forgotten_after_its_days_and_its_row_stays(
    quiet: Connector, capsys: pytest.CaptureFixture[str]
) -> None:
    old = await stored(quiet, message_id="@old==")
    await quiet.world.advance(DAYS)
    await quiet.world.advance(timedelta(minutes=1))
    young = await stored(quiet, message_id="@young==")

    assert await forget(quiet)() == 1
    assert await forget(quiet)() == 0

    kept = {row["id"]: row["body"] for row in await rows(quiet)}
    assert kept[old] is None
    assert kept[young] is not None
    await show_webhook(quiet.world.resources.settings, old)
    assert "(forgotten)" in capsys.readouterr().out
    told = len(await quiet.events())
    assert (await quiet.post(a_message("@old==", content={"text": TEXT}))).status_code == 200
    assert (len(await rows(quiet)), len(await quiet.events())) == (2, told), "it is no news"


async def test_the_clock_of_the_worker_forgets(quiet: Connector) -> None:
    await stored(quiet)
    await quiet.world.advance(DAYS + timedelta(minutes=1))
    (part,) = quiet.world.parts
    (tick,) = [t for t in part.worker.ticks if t.name == "douyin.forget_bodies"]
    await tick.run()
    assert [row["body"] for row in await rows(quiet)] == [None]


async def test_old_bodies_are_found_by_their_age(quiet: Connector) -> None:
    """A tick a minute must not walk through everything that ever came."""
    sql = (
        "EXPLAIN SELECT ctid FROM inbound WHERE body IS NOT NULL AND received_at < now()"
        " ORDER BY received_at LIMIT 10"
    )
    async with quiet.world.resources.database("douyin").transaction(ALL_TENANTS) as tx:
        plan = [row[0] for row in await tx.execute(sa.text(sql))]
    assert "Index Scan using ix_inbound_body_kept" in "\n".join(plan)
