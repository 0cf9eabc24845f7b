"""Webhooks that never came are found in the interaction log, and what came is not taken twice."""

import json
from datetime import timedelta
from typing import Any

import pytest

from services.douyin.actions.intake import IntakeDesk
from services.douyin.actions.repairs import Repairer
from tests.service.douyin.conftest import FAN, KEY, OPEN_ID, Connector

LOG = "/api/douyin/v1/interactive/intention/log/list/"


def a_message(message_id: str, **changed: Any) -> dict[str, Any]:
    content = {
        "conversation_short_id": "@conv001==",
        "server_message_id": message_id,
        "conversation_type": 1,
        "create_time": 1681799848725,
        "message_type": "text",
        "text": "在吗",
    }
    outer = {"event": "im_receive_msg", "client_key": KEY, "from_user_id": FAN}
    return {**outer, "to_user_id": OPEN_ID, "content": content, **changed}


def page(*events: Any, session: str = "", has_more: bool = False) -> dict[str, Any]:
    infos = [
        {"open_id": FAN, "event": "x", "content": json.dumps(e), "event_time": "1"}
        if isinstance(e, dict) and "event" in e
        else e
        for e in events
    ]
    data = {"intention_log_infos": infos, "query_session": session, "has_more": has_more}
    return {"err_no": 0, "err_msg": "", "log_id": "log-1", "data": data}


async def repair(connector: Connector, *, due: bool = True) -> None:
    if due:
        await connector.world.sql("UPDATE douyin.repair SET next_at = now()")
    deps = connector.asking
    desk = IntakeDesk(deps.database, deps.directory, deps.sealer, is_door=False)
    await Repairer(deps, desk, timedelta(minutes=10)).run()


async def told(connector: Connector) -> list[str]:
    return [e["data"]["message_id"] for e in await connector.events() if "message_id" in e["data"]]


async def test_what_was_missed_is_told_and_what_came_is_not_told_twice(quiet: Connector) -> None:
    await quiet.post(a_message("@came=="))
    quiet.platform.will(
        LOG,
        page(a_message("@came=="), a_message("@missed1=="), session="s-2", has_more=True),
        page(a_message("@missed2==")),
    )
    await repair(quiet)
    assert await told(quiet) == ["@came==", "@missed1==", "@missed2=="]
    first, second = quiet.platform.asked
    assert first.query["open_id"] == OPEN_ID
    assert "query_session" not in first.query
    assert second.query["query_session"] == "s-2"
    await repair(quiet)
    assert len(await told(quiet)) == 3


async def test_the_next_reading_begins_where_the_last_one_ended(quiet: Connector) -> None:
    quiet.platform.will(LOG, page())
    await repair(quiet)
    await quiet.world.advance(timedelta(hours=5))
    await repair(quiet)
    first, second = (a.query for a in quiet.platform.asked)
    assert int(second["start_time"]) - int(first["end_time"]) == pytest.approx(-600, abs=5)
    assert int(second["end_time"]) - int(first["end_time"]) == pytest.approx(5 * 3600, abs=60)


async def test_an_account_is_not_asked_before_its_time(quiet: Connector) -> None:
    quiet.platform.will(LOG, page())
    await repair(quiet)
    await repair(quiet, due=False)
    assert len(quiet.platform.asked) == 1


async def test_what_is_no_event_of_this_app_is_left_where_it_is(quiet: Connector) -> None:
    odd = [
        a_message("@foreign==", client_key="aw_other"),
        a_message("@late==", event="im_enter_direct_msg"),
        {"content": "{"},
        {"content": 7},
        {"content": '{"a":1,"a":2}'},
        7,
    ]
    quiet.platform.will(LOG, page(*odd))
    await repair(quiet)
    assert await told(quiet) == []
    assert await quiet.world.sql("SELECT 1 FROM douyin.inbound") == []


@pytest.mark.parametrize("bad", [b"<html>", b"", None, {"err_no": 28001005}], ids=repr)
async def test_a_log_that_cannot_be_read_is_read_again_from_there(
    quiet: Connector, bad: Any
) -> None:
    quiet.platform.will(LOG, bad, page(a_message("@missed==")))
    await repair(quiet)
    assert await told(quiet) == []
    await repair(quiet)
    assert await told(quiet) == ["@missed=="]


async def test_without_the_scope_an_account_is_left_alone_for_hours(quiet: Connector) -> None:
    quiet.platform.will(LOG, {"err_no": 28001012})
    await repair(quiet)
    rows = await quiet.world.sql("SELECT next_at - now() > interval '5 hours' FROM douyin.repair")
    assert [row[0] for row in rows] == [True]
