"""The platform's limits on an app: a day of Shanghai and a second, kept over all processes, and shown."""

import asyncio
import base64
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.douyin.actions.limits import CallBudget, NotYet
from services.douyin.actions.subscriptions import watch
from services.douyin.domain.limits import Calls
from shared.runtime import Resources
from tests.service.douyin.conftest import ACCOUNT, FAN, KEY, ORGANIZATION, SECRET, Connector
from tests.service.douyin.platform import reply
from tests.support.world import resources_for

APP = (ORGANIZATION, KEY)
DAILY = "api.daily_calls.direct_message"
PATIENT = 3600.0


async def shown(quiet: Connector, key: str = KEY, **by: str) -> dict[str, Any]:
    headers = quiet.world.caller(by.get("organization", ORGANIZATION))
    answer = await quiet.world.http.get(f"/v1/douyin-apps/{key}/limits", headers=headers)
    return {"status": answer.status_code, **answer.json()}


def of_messages(limits: dict[str, Any]) -> tuple[int, int, bool]:
    """(limit, taken, closed) of direct messages."""
    (row,) = [d for d in limits["daily"] if d["calls"] == "direct_message"]
    return row["limit"], row["taken"], row["closed_at"] is not None


async def budgets(
    quiet: Connector, redis_url: str, count: int
) -> list[tuple[Resources, CallBudget]]:
    """As many processes, each with connections of its own."""
    made = [resources_for(quiet.world.owner_url, redis_url) for _ in range(count)]
    return [(resources, CallBudget(resources.database("douyin"))) for resources in made]


async def send(connector: Connector, count: int, begin: int = 0) -> None:
    """Ask for a message in each of so many conversations."""
    numbers = range(begin, begin + count)
    requests = [
        await connector.a_request(f"op_{n}", f"text {n}", conversation_id=f"@c{n}==")
        for n in numbers
    ]
    await connector.world.deliver("douyin", *requests)

    async def settled() -> bool:
        return not {"queued", "sending"} & set(await connector.states())

    await connector.until(settled, 15)


async def test_a_day_is_not_exceeded_and_the_next_one_begins_in_shanghai(
    connector: Connector,
) -> None:
    evening = datetime(2025, 3, 1, 23, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
    await connector.world.set_clock(evening)
    await connector.learn("acc_1", policy={DAILY: 3}, version=2)
    await send(connector, 5)
    assert sorted(await connector.states()) == ["failed"] * 2 + ["sent"] * 3
    failed = [a for a in await connector.attempts() if a["state"] == "failed"]
    assert {(a["reason"], a["code"]) for a in failed} == {("daily_quota_used", None)}
    assert len(connector.platform.calls) == 3, "nothing was asked in vain"
    limits = await shown(connector)
    assert of_messages(limits) == (3, 3, False)
    assert limits["window_end"] == "2025-03-01T16:00:00.000Z"

    await connector.world.advance(timedelta(hours=2))
    await send(connector, 1, begin=5)
    assert (await connector.states())[-1] == "sent"
    assert of_messages(await shown(connector)) == (3, 1, False)


async def test_many_processes_together_take_no_more_than_the_day_has(
    quiet: Connector, redis_url: str
) -> None:
    await quiet.learn("acc_1", policy={DAILY: 130}, version=2)
    now = await quiet.world.now()
    processes = await budgets(quiet, redis_url, 4)
    taken = await asyncio.gather(
        *(
            budget.take(APP, Calls.DIRECT_MESSAGE, now, PATIENT)
            for _, budget in processes
            for _ in range(100)
        )
    )
    assert [turn is None for turn in taken].count(False) == 130
    assert of_messages(await shown(quiet)) == (130, 130, False)
    for resources, _ in processes:
        await resources.close()


async def test_what_a_process_took_and_did_not_use_comes_back(
    quiet: Connector, redis_url: str
) -> None:
    now = await quiet.world.now()
    ((resources, budget),) = await budgets(quiet, redis_url, 1)
    await budget.take(APP, Calls.DIRECT_MESSAGE, now, PATIENT)
    assert of_messages(await shown(quiet)) == (100_000, 200, False)
    await budget.give_back()
    assert of_messages(await shown(quiet)) == (100_000, 1, False)
    await resources.close()


async def test_the_platform_knows_better_when_a_day_is_used_up(connector: Connector) -> None:
    connector.platform.always = reply({"err_no": 28003017})
    await send(connector, 1)
    (attempt,) = await connector.attempts()
    assert (attempt["state"], attempt["reason"]) == ("failed", "daily_quota_used")
    await send(connector, 3, begin=1)
    assert set(await connector.states()) == {"failed"}
    assert len(connector.platform.calls) == 1, "it is not asked again that day"
    assert of_messages(await shown(connector))[2] is True


async def test_the_strictest_policy_of_the_apps_accounts_holds(quiet: Connector) -> None:
    await quiet.learn("acc_1", policy={DAILY: 500}, version=2)
    await quiet.learn("acc_2", policy={DAILY: 400}, version=2)
    await quiet.learn("acc_3", policy={DAILY: 1}, version=2)
    await quiet.bind(account="acc_2", open_id="another")
    assert of_messages(await shown(quiet))[0] == 400, "acc_3 is not bound to this app"


async def test_calls_a_second_are_paced_over_all_processes(
    quiet: Connector, redis_url: str
) -> None:
    assert (await quiet.put_app(calls_per_second=20)).json()["calls_per_second"] == 20
    now, loop = await quiet.world.now(), asyncio.get_running_loop()
    processes = await budgets(quiet, redis_url, 3)
    began, left = loop.time(), []

    async def call(budget: CallBudget) -> None:
        turn = await budget.take(APP, Calls.DIRECT_MESSAGE, now, PATIENT)
        assert isinstance(turn, float)
        await asyncio.sleep(turn)
        left.append(loop.time() - began)

    await asyncio.gather(*(call(budget) for _, budget in processes for _ in range(16)))
    left.sort()
    for first in left:
        assert sum(first <= at < first + 1 for at in left) <= 20 + 2, "a second's worth, and jitter"
    assert 1.9 < left[-1] < 6
    budget = processes[0][1]
    assert isinstance(await budget.take(APP, Calls.DIRECT_MESSAGE, now, PATIENT), float)
    assert isinstance(await budget.take(APP, Calls.DIRECT_MESSAGE, now, 0.0), NotYet)
    for resources, _ in processes:
        await resources.close()


async def test_messages_wait_for_their_second_and_all_leave(connector: Connector) -> None:
    await connector.put_app(calls_per_second=10)
    await send(connector, 25)
    assert set(await connector.states()) == {"sent"}
    times = sorted(call.began for call in connector.platform.calls)
    assert times[-1] - times[0] > 2.0
    assert len(times) == 25


async def test_a_platform_that_is_asked_too_fast_gets_a_rest(connector: Connector) -> None:
    connector.platform.script.append(reply({"err_no": 28003018}))
    await connector.request("op_1", "one", conversation_id="@c1==")
    await connector.until(lambda: len(connector.platform.calls) == 1)
    await connector.request("op_2", "two", conversation_id="@c2==")
    await connector.until(lambda: len(connector.platform.calls) == 2)
    first, second = connector.platform.calls
    assert second.began - first.began > 0.9


async def test_time_that_has_passed_unused_is_asked_for_again(
    quiet: Connector, redis_url: str
) -> None:
    await quiet.put_app(calls_per_second=10)
    now = await quiet.world.now()
    (mine, seldom), (theirs, often) = await budgets(quiet, redis_url, 2)
    assert await seldom.take(APP, Calls.DIRECT_MESSAGE, now, PATIENT) == 0, "one of two"
    await asyncio.sleep(0.3)
    for _ in range(10):
        await often.take(APP, Calls.DIRECT_MESSAGE, now, PATIENT)
    turn = await seldom.take(APP, Calls.DIRECT_MESSAGE, now, PATIENT)
    assert isinstance(turn, float)
    assert turn > 0.7, "after those who asked before it"
    await mine.close()
    await theirs.close()


def taken(limits: dict[str, Any]) -> dict[str, int]:
    return {day["calls"]: day["taken"] for day in limits["daily"] if day["taken"]}


async def cards(quiet: Connector) -> dict[str, Any]:
    headers = quiet.world.caller(ORGANIZATION)
    answer = await quiet.world.http.get(f"/v1/accounts/{ACCOUNT}/cards", headers=headers)
    return {"status": answer.status_code, **answer.json()}


async def test_every_call_is_counted_as_the_platform_counts_it(connector: Connector) -> None:
    platform, world = connector.platform, connector.world
    platform.will("/im/get/retain_consult_card/", {"err_no": 0})
    platform.will("/tool/imagex/client_upload/", {"err_no": 0, "image_id": "@img=="})
    platform.will("/fans/check/", {"err_no": 0, "data": {"is_follower": True}})
    await cards(connector)
    headers, account = world.caller(ORGANIZATION), f"/v1/accounts/{ACCOUNT}"
    image = {"data": base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(64)).decode()}
    assert (await world.http.post(f"{account}/images", json=image, headers=headers)).is_success
    check = {"open_id": FAN}
    asked = await world.http.post(f"{account}/follow-checks", json=check, headers=headers)
    assert asked.is_success, asked.text
    await watch(connector.asking, timedelta(hours=1))
    assert taken(await shown(connector)) == {
        "lead_card": 1,
        "image": 1,
        "follow_check": 1,
        "webhook": 1,
        "token": 1,
    }


async def test_a_question_beyond_the_day_is_refused_without_a_call(quiet: Connector) -> None:
    quiet.platform.will("/im/get/retain_consult_card/", {"err_no": 0})
    await quiet.learn("acc_1", policy={"api.daily_calls.lead_card": 2}, version=2)
    found = [await cards(quiet) for _ in range(3)]
    assert [one["status"] for one in found] == [200, 200, 429]
    assert (found[2]["code"], found[2]["reason"]) == (
        "douyin.daily_calls_used",
        "daily_quota_used",
    )
    assert found[2]["resets"] == {"on": "time", "at": (await shown(quiet))["window_end"]}
    assert len(quiet.platform.asked) == 2

    await quiet.world.advance(timedelta(days=1))
    assert (await cards(quiet))["status"] == 200


async def test_a_day_that_the_platform_ends_ends_for_what_was_asked_alone(
    quiet: Connector,
) -> None:
    quiet.platform.will("/im/get/retain_consult_card/", {"err_no": 28003017})
    assert [(await cards(quiet))["status"] for _ in range(3)] == [429] * 3
    assert len(quiet.platform.asked) == 1, "it is not asked again that day"
    closed = [d["calls"] for d in (await shown(quiet))["daily"] if d["closed_at"]]
    assert closed == ["lead_card"]


async def test_questions_and_messages_share_the_calls_of_a_second(connector: Connector) -> None:
    await connector.put_app(calls_per_second=5)
    connector.platform.will("/im/get/retain_consult_card/", {"err_no": 0})
    began = asyncio.get_running_loop().time()
    await asyncio.gather(send(connector, 5), *(cards(connector) for _ in range(5)))
    assert asyncio.get_running_loop().time() - began > 1.7
    assert set(await connector.states()) == {"sent"}
    assert len(connector.platform.asked) == 5


async def test_who_would_wait_too_long_for_a_turn_is_told_to_come_back(quiet: Connector) -> None:
    await quiet.put_app(calls_per_second=1)
    quiet.platform.will("/im/get/retain_consult_card/", {"err_no": 0})
    found = await asyncio.gather(*(cards(quiet) for _ in range(8)))
    refused = [one for one in found if one["status"] == 503]
    assert {(one["code"], one["reason"]) for one in refused} == {("douyin.busy", "throttled")}
    assert 2 <= len(quiet.platform.asked) == 8 - len(refused) <= 5


@pytest.mark.parametrize("wrong", [0, -1, 10_001, "fast", 1.5])
async def test_a_limit_a_second_is_a_small_number(quiet: Connector, wrong: Any) -> None:
    assert (await quiet.put_app(calls_per_second=wrong)).status_code == 422
    assert (await shown(quiet))["calls_per_second"] is None


async def test_limits_are_shown_to_their_organization_alone(quiet: Connector) -> None:
    limits = await shown(quiet)
    named = {"direct_message": 100_000, "group_message": 100_000, "lead_card": 10_000}
    unnamed = {calls.value: None for calls in Calls if calls.value not in named}
    assert {d["calls"]: d["limit"] for d in limits["daily"]} == named | unnamed
    assert SECRET not in str(limits)
    assert (await shown(quiet, organization="org_2"))["status"] == 404
    assert (await shown(quiet, key="nobody"))["status"] == 404
