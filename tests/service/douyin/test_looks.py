"""What the connector looks up by itself: whether webhooks are on, and whether a fan follows."""

from datetime import timedelta
from typing import Any

import httpx2
import pytest

from services.douyin.actions.subscriptions import measure, watch
from shared.observability.metrics import subscription_silence
from tests.service.douyin.conftest import ACCOUNT, FAN, KEY, OPEN_ID, ORGANIZATION, Connector

STATUS, UPDATE, CHECK = "/event/status/list/", "/event/status/update/", "/fans/check/"
OK = {"error_code": 0, "description": ""}
HOUR = timedelta(hours=1)


def e1(**payload: Any) -> dict[str, Any]:
    return {"data": {**OK, **payload}, "extra": {**OK, "logid": "log-1"}}


def listed(**off: int) -> dict[str, Any]:
    events = {"im_receive_msg": 1, "im_send_msg": 1, "new_follow_action": 1, **off}
    return e1(list=[{"event": name, "status": status} for name, status in events.items()])


async def look(connector: Connector) -> dict[str, Any]:
    await watch(connector.asking, HOUR)
    answer = await connector.world.http.get(
        f"/v1/douyin-apps/{KEY}/subscription", headers=connector.world.caller(ORGANIZATION)
    )
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def hear(connector: Connector, message_id: str) -> None:
    content = {
        "conversation_short_id": "@conv001==",
        "server_message_id": message_id,
        "create_time": 1681799848725,
        "message_type": "text",
        "text": "hi",
    }
    outer = {"event": "im_receive_msg", "client_key": KEY, "from_user_id": FAN}
    await connector.post({**outer, "to_user_id": OPEN_ID, "content": content})


async def test_all_is_well_and_nothing_is_switched(quiet: Connector) -> None:
    quiet.platform.will(STATUS, listed())
    await hear(quiet, "@m1==")
    found = await look(quiet)
    assert (found["events_off"], found["is_silent"], found["error"]) == ([], False, None)
    assert found["last_event_at"] is not None
    assert [a.path for a in quiet.platform.asked] == [STATUS]
    assert quiet.platform.asked[0].token == "clt.1"


async def test_what_was_switched_off_is_switched_on_again(quiet: Connector) -> None:
    quiet.platform.will(STATUS, listed(im_receive_msg=0, create_video=0), listed())
    quiet.platform.will(UPDATE, e1())
    found = await look(quiet)
    assert found["events_off"] == ["im_receive_msg"]
    update = quiet.platform.asked[-1]
    assert update.fields == {"list": [{"event": "im_receive_msg", "status": 1}]}
    assert (await look(quiet))["events_off"] == []


async def test_silence_is_seen_and_ends_with_the_next_webhook(quiet: Connector) -> None:
    quiet.platform.will(STATUS, listed())
    await hear(quiet, "@m1==")
    await quiet.world.advance(timedelta(minutes=61))
    assert (await look(quiet))["is_silent"] is True
    await hear(quiet, "@m2==")
    assert (await look(quiet))["is_silent"] is False


def silences() -> dict[str, float]:
    """Seconds by rank, as a scrape sees them."""
    (family,) = subscription_silence.collect()
    return {sample.labels["rank"]: sample.value for sample in family.samples}


async def test_each_silent_subscription_is_measured_however_busy_another_is(
    quiet: Connector,
) -> None:
    """The door hears the busy app; the lost one must be seen all the same."""
    database = quiet.world.resources.database("douyin")
    await hear(quiet, "@m1==")
    assert (await quiet.put_app("aw-another")).status_code == 200
    bound = await quiet.bind("acc_2", "another-open-id", client_key="aw-another")
    assert bound.status_code == 200, bound.text
    await quiet.world.sql("UPDATE douyin.binding SET authorised_at = $1", await quiet.world.now())
    await quiet.world.advance(2 * HOUR)
    await hear(quiet, "@m2==")
    await measure(database)
    seen = silences()
    assert seen["1"] == pytest.approx(7200, abs=60), "never heard: since it was authorised"
    assert seen["2"] < 60
    assert set(seen) == {"1", "2"}

    await quiet.world.sql(
        "UPDATE douyin.binding SET revoked_at = now(), revoked_reason = 'withdrawn', access_token = NULL WHERE account_id = 'acc_2'"
    )
    await measure(database)
    assert set(silences()) == {"1"}
    assert silences()["1"] < 60


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"<html>", "unreadable_answer"),
        (None, "no_answer"),
        ({"err_no": 28001018}, "capability_missing"),
        (e1(list="nonsense"), None),
        (e1(list=[1, {"event": 7, "status": 0}, {"event": "im_send_msg"}]), None),
    ],
    ids=["html", "dead", "refused", "no list", "odd rows"],
)
async def test_a_look_that_fails_says_why_and_switches_nothing(
    quiet: Connector, answer: Any, error: str | None
) -> None:
    quiet.platform.will(STATUS, answer)
    found = await look(quiet)
    assert (found["events_off"], found["error"]) == ([], error)
    assert [a.path for a in quiet.platform.asked] == [STATUS]


async def test_nobody_sees_the_subscription_of_another_organization(quiet: Connector) -> None:
    quiet.platform.will(STATUS, listed())
    await look(quiet)
    answer = await quiet.world.http.get(
        f"/v1/douyin-apps/{KEY}/subscription", headers=quiet.world.caller("org_2")
    )
    assert answer.status_code == 404


async def check(connector: Connector, fan: str = FAN, **how: str) -> httpx2.Response:
    headers = connector.world.caller(how.get("organization", ORGANIZATION))
    path = f"/v1/accounts/{ACCOUNT}/follow-checks"
    return await connector.world.http.post(path, json={"open_id": fan}, headers=headers)


async def told(connector: Connector) -> list[bool]:
    found = [e for e in await connector.events() if e["type"] == "douyin.follow_checked"]
    return [e["data"]["follows"] for e in found]


async def test_a_follow_is_asked_once_in_ten_minutes_and_told(quiet: Connector) -> None:
    yes = e1(is_follower=True, follow_time=1686811643)
    quiet.platform.will(CHECK, yes, e1(is_follower=False))
    first = (await check(quiet)).json()
    again = (await check(quiet)).json()
    assert (first["follows"], first["is_fresh"], again["is_fresh"]) == (True, True, False)
    assert first["followed_at"] == "2023-06-15T06:47:23.000Z"
    assert quiet.platform.asked[0].query == {"open_id": OPEN_ID, "follower_open_id": FAN}
    assert len(quiet.platform.asked) == 1
    await quiet.world.advance(timedelta(minutes=11))
    assert (await check(quiet)).json()["follows"] is False
    assert await told(quiet) == [True, False]


async def test_an_account_asks_sixty_times_a_minute_at_most(quiet: Connector) -> None:
    quiet.platform.will(CHECK, e1(is_follower=True))
    answers = [await check(quiet, f"fan-{n}") for n in range(61)]
    assert {a.status_code for a in answers[:60]} == {200}
    assert answers[60].status_code == 429
    assert answers[60].json()["code"] == "douyin.follow_checks_used"
    assert len(quiet.platform.asked) == 60


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        ({"data": {"error_code": 2100006}, "extra": {}}, 409, "douyin.refused"),
        ({"data": {"error_code": "28001046"}}, 409, "douyin.refused"),
        (e1(), 503, "douyin.busy"),
        (e1(is_follower="yes"), 503, "douyin.busy"),
        (b"", 503, "douyin.busy"),
    ],
    ids=["himself", "banned", "no answer", "no yes or no", "nothing"],
)
async def test_what_is_no_answer_is_not_believed(
    quiet: Connector, answer: Any, status: int, code: str
) -> None:
    quiet.platform.will(CHECK, answer)
    got = await check(quiet)
    assert (got.status_code, got.json()["code"]) == (status, code), got.text
    assert await told(quiet) == []
    assert (await check(quiet, organization="org_2")).status_code == 404
