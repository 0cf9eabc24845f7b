"""The promise to answer within 30 minutes (D6), with the clock moved."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.direct_messages import actions
from shared.contracts.events.douyin import Outcome
from tests.service.direct_messages.conftest import ACC, FAN, GREETING, PERSON, PRICE, Shop
from tests.service.direct_messages.people import act, an_agent, stages, turn

TEN = datetime(2026, 9, 21, 2, tzinfo=UTC)  # 10:00 in Shanghai, a Monday
MONDAYS = {"mon": "09:00-18:00", **dict.fromkeys(("tue", "wed", "thu", "fri"), "09:00-18:00")}
HOURS: dict[str, Any] = {
    "calendar__hours": MONDAYS,
    "calendar__holidays": ["2026-09-25/2026-09-27"],
    "calendar__makeup_days": ["2026-09-20"],
}


def later(**after: float) -> datetime:
    """So long after ten."""
    return TEN + timedelta(**after)


async def asks(shop: Shop, text: str = "多少钱", at: datetime = TEN, fan: str = FAN) -> None:
    """A fan writes at a moment."""
    await shop.world.set_clock(at)
    await shop.tell(await shop.a_message(text, fan=fan, window_opened_at=at, created_at=at))


async def is_seen(shop: Shop, at: datetime, outcome: Outcome = Outcome.SENT) -> None:
    """The newest send ends at a moment."""
    settled = shop.a_settlement((await shop.requests())[-1], outcome)
    await shop.tell(replace(settled, occurred_at=at))


async def answers(shop: Shop, at: datetime, fan: str = FAN) -> None:
    """A person answers, and the fan sees it at that moment."""
    found = (await shop.get(f"/v1/accounts/{ACC}/conversations?fan={fan}")).json()["data"][0]
    body, key = {"text": "您好"}, f"answer-{at.isoformat()}"
    path = f"/v1/conversations/{found['id']}/messages"
    sent = await shop.call("POST", path, body, idempotency_key=key)
    assert sent.status_code == 202, sent.text
    await is_seen(shop, at)


async def clocks(shop: Shop) -> dict[str, list[tuple[Any, ...]]]:
    """Measure → (elapsed seconds, met, by) of its clocks, in the order of their start."""
    rows = await shop.world.sql(
        "SELECT measure, elapsed_ms / 1000.0, is_met, answered_by, told, cancelled_at IS NOT NULL"
        " FROM direct_messages.response_clock ORDER BY started_at, id"
    )
    found: dict[str, list[tuple[Any, ...]]] = {"any": [], "human": []}
    for measure, elapsed, is_met, by, *_ in rows:
        found[measure].append((None if elapsed is None else float(elapsed), is_met, by))
    return found


async def told(shop: Shop) -> list[tuple[str, str]]:
    """(measure, how far) of every clock that runs."""
    rows = await shop.world.sql(
        "SELECT measure, told FROM direct_messages.response_clock"
        " WHERE answered_at IS NULL AND cancelled_at IS NULL ORDER BY measure"
    )
    return [(row[0], row[1]) for row in rows]


async def watch(shop: Shop, at: datetime) -> None:
    """What the clock does every five seconds, at that moment."""
    await shop.world.set_clock(at)
    await actions.watch_promises(shop.deps)
    await shop.world.drain()


async def news(shop: Shop, kind: str) -> list[dict[str, Any]]:
    """What agents were shown of that kind."""
    rows = await shop.world.sql(
        "SELECT data::text FROM direct_messages.live_update WHERE type = $1 ORDER BY tx, number",
        kind,
    )
    import json

    return [json.loads(row[0]) for row in rows]


@pytest.mark.parametrize(
    ("after", "elapsed", "is_met"),
    [
        (timedelta(minutes=29, seconds=59), 1799, True),
        (timedelta(minutes=30), 1800, True),
        (timedelta(minutes=30, seconds=1), 1801, False),
    ],
)
async def test_the_table_of_the_promise(
    shop: Shop, after: timedelta, elapsed: int, is_met: bool
) -> None:
    await shop.rules(PRICE)
    await asks(shop)
    await is_seen(shop, later(seconds=2))
    await answers(shop, TEN + after)
    assert await clocks(shop) == {"any": [(2, True, "bot")], "human": [(elapsed, is_met, "person")]}


async def test_more_messages_before_an_answer_do_not_start_it_anew(shop: Shop) -> None:
    await asks(shop, "在吗")
    await asks(shop, "有人吗", later(minutes=10))
    await answers(shop, later(minutes=20))
    assert await clocks(shop) == {
        "any": [(1200, True, "person")],
        "human": [(1200, True, "person")],
    }


async def test_after_an_answer_the_next_message_starts_the_next_clock(shop: Shop) -> None:
    await shop.rules(PRICE)
    await asks(shop)
    await is_seen(shop, later(seconds=1))
    await asks(shop, at=later(minutes=1))
    await is_seen(shop, later(minutes=1, seconds=3))
    assert await clocks(shop) == {
        "any": [(1, True, "bot"), (3, True, "bot")],
        "human": [(None, None, None)],  # a bot's answers are none of a person's
    }


async def test_what_did_not_reach_the_fan_answers_nothing(shop: Shop) -> None:
    await shop.rules(PRICE)
    await asks(shop)
    await is_seen(shop, later(seconds=2), Outcome.UNKNOWN)
    running = await clocks(shop)
    await is_seen(shop, later(seconds=40))  # its echo came
    assert running["any"] == [(None, None, None)]
    assert (await clocks(shop))["any"] == [(40, True, "bot")]


async def test_an_answer_in_douyins_app_is_a_persons(shop: Shop) -> None:
    await asks(shop, "在吗")
    await shop.tell(shop.an_answer_in_the_app("在的", later(minutes=3)))
    assert await clocks(shop) == {"any": [(180, True, "app")], "human": [(180, True, "app")]}


async def test_a_greeting_counts_at_once_and_once_a_day(shop: Shop) -> None:
    await shop.policy(dm__auto_reply__greeting_interval_hours=1)
    await shop.rules(GREETING)
    for number, at in enumerate((TEN, later(hours=2))):
        await shop.world.set_clock(at)
        await shop.tell(await shop.an_entry(at=at))
        await asks(shop, f"在吗 {number}", at)
        await is_seen(shop, at + timedelta(seconds=5))
        await answers(shop, at + timedelta(minutes=5))
    found = await clocks(shop)
    assert found["any"] == [(5, True, "greeting"), (300, True, "person")]
    assert found["human"] == [(300, True, "person"), (300, True, "person")]


async def test_out_of_hours_no_time_passes(shop: Shop) -> None:
    await shop.policy(**HOURS)
    await asks(shop, "在吗", datetime(2026, 9, 21, 9, 50, tzinfo=UTC))  # Monday, 17:50
    await watch(shop, datetime(2026, 9, 22, 0, 59, tzinfo=UTC))
    over_night = await told(shop)
    await answers(shop, datetime(2026, 9, 22, 1, 10, tzinfo=UTC))  # Tuesday, 09:10
    assert over_night == [("any", "nothing"), ("human", "nothing")]
    assert (await clocks(shop))["any"] == [(1200, True, "person")]


async def test_it_warns_breaches_and_goes_up_to_the_owner(shop: Shop) -> None:
    await asks(shop, "在吗")
    steps = []
    for seconds in (1199, 1201, 1799, 1801, 3601):
        await watch(shop, later(seconds=seconds))
        steps.append(dict(await told(shop)))
    assert steps == [
        {"any": "nothing", "human": "nothing"},
        {"any": "warned", "human": "warned"},
        {"any": "warned", "human": "warned"},
        {"any": "breached", "human": "breached"},
        {"any": "escalated", "human": "breached"},  # a person's lateness alone goes nowhere
    ]
    assert [n["measure"] for n in await news(shop, "sla_warned")] == ["any"]
    assert sorted(
        (n["measure"], str(n["escalated_to"])) for n in await news(shop, "sla_breached")
    ) == [
        ("any", "owner"),
        ("any", "supervisor"),
    ]


async def test_where_an_account_asks_a_persons_lateness_escalates_too(shop: Shop) -> None:
    await shop.policy(sla__human_escalates=True)
    await shop.rules(PRICE)
    await asks(shop)
    await is_seen(shop, later(seconds=2))
    await watch(shop, later(seconds=1801))
    (breach,) = await news(shop, "sla_breached")
    assert (breach["measure"], breach["escalated_to"]) == ("human", "supervisor")


async def test_a_breach_is_a_breach_also_when_the_clock_was_late(shop: Shop) -> None:
    await asks(shop, "在吗")
    await answers(shop, later(seconds=1801))
    assert (await clocks(shop))["any"] == [(1801, False, "person")]


async def test_a_broken_promise_asks_another_agent_before_others(shop: Shop) -> None:
    await shop.rules(PERSON)
    names = {await an_agent(shop, "qing"): "qing", await an_agent(shop, "lan"): "lan"}
    await asks(shop, "我要人工")
    ((_, first),) = await stages(shop)
    await act(shop, "accept", names[str(first)])

    await watch(shop, later(seconds=1801))
    await turn(shop)

    ((stage, second),) = await stages(shop)
    assert (stage, names[str(second)]) == (
        "offered",
        next(n for a, n in names.items() if a != first),
    )
    (urgent,) = await shop.world.sql("SELECT urgent FROM direct_messages.hand_off")
    assert urgent[0]


async def test_a_broken_promise_calls_an_agent_where_nobody_was_asked(shop: Shop) -> None:
    qing = await an_agent(shop, "qing")
    await asks(shop, "在吗")
    await watch(shop, later(seconds=1801))
    assert await stages(shop) == [("offered", qing)]
    assert (await shop.conversation())["owner_reason"] == "sla_breached"


async def test_where_nobody_could_come_the_bot_goes_on(shop: Shop) -> None:
    await shop.rules(PRICE)
    await asks(shop, "在吗")
    await watch(shop, later(seconds=1801))
    await asks(shop, at=later(seconds=1900))
    assert (await shop.outcomes())[-1] == "replied"


async def test_what_nobody_answers_for_a_day_is_closed(shop: Shop) -> None:
    await asks(shop, "在吗")
    await watch(shop, later(hours=24, seconds=1))
    assert await told(shop) == []
    assert (await clocks(shop))["any"] == [(None, False, None)]


async def test_the_report_shows_both_measures_by_day_and_agent(shop: Shop) -> None:
    await shop.rules(PRICE)
    qing = await an_agent(shop, "qing")
    await asks(shop, fan="fan-a")
    await is_seen(shop, later(seconds=2))
    await asks(shop, "在吗", later(minutes=1))
    await act(shop, "accept", "qing")
    await answers(shop, later(minutes=2))
    await watch(shop, later(hours=1))

    span = f"since={TEN:%Y-%m-%dT%H:%M:%SZ}&until={later(days=1):%Y-%m-%dT%H:%M:%SZ}"
    report = (await shop.get(f"/v1/accounts/{ACC}/response-times?{span}")).json()
    bad = await shop.get(
        f"/v1/accounts/{ACC}/response-times?{span[:27]}&until=2027-09-21T02:00:00Z"
    )

    by = {line["measure"]: line for line in report["total"]}
    assert (by["any"]["started"], by["any"]["met"], by["any"]["rate"]) == (2, 2, 1.0)
    assert by["any"]["median_seconds"] == 31.0
    assert (by["human"]["met"], by["human"]["breached"], by["human"]["rate"]) == (1, 1, 0.5)
    assert {line["part"] for line in report["days"]} == {"2026-09-21"}
    assert [(line["part"], line["met"]) for line in report["agents"]] == [(qing, 1)]
    assert report["target_rate"] == 0.95
    assert bad.status_code == 422
