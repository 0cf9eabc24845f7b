"""A part goes away and comes back: what was acknowledged is answered, and nobody has to do anything."""

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.e2e import wire
from tests.e2e.house import House, eventually


@pytest.fixture(autouse=True)
def _whole_again(house: House) -> Iterator[None]:
    yield
    eventually(house.is_ready, within=30, why=house.said)


@pytest.mark.parametrize("part", ["application", "postgres", "valkey", "simulator"])
def test_a_killed_part_comes_back_and_the_message_is_answered_at_most_once(
    house: House, part: str
) -> None:
    asked = wire.said(f"e2e-killed-{part}", "多少钱")
    assert house.say(asked).status_code == 200
    before = house.pid(part)
    assert house.kill(part)
    eventually(lambda: house.is_ready() and house.pid(part) not in {0, before}, within=30)
    ended = "SELECT state, reason FROM douyin.attempt WHERE reply_to = $1"
    eventually(lambda: house.rows(ended, asked.message_id) and house.at_rest(), within=30)
    # who died between claim and send cannot know: that one stays in doubt and is not sent again
    in_doubt = house.rows(ended, asked.message_id)[0]["state"] == "unknown"
    least = 0 if part == "application" and in_doubt else 1
    assert least <= len(house.sent(to_user_id=asked.fan)) <= 1


def test_without_postgresql_a_webhook_is_refused_in_time_and_answered_later(house: House) -> None:
    asked = wire.said("e2e-frozen", "多少钱")
    with frozen(house, "postgres"):
        began = time.monotonic()
        refused = house.post(asked.body())
        assert time.monotonic() - began < 2.0
        assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
        assert refused.headers["retry-after"] == "1"
        assert house.http.get(f"{house.base}/livez").status_code == 200
        assert house.http.get(f"{house.base}/readyz").status_code == 503
    eventually(lambda: house.say(asked).status_code == 200)
    eventually(lambda: house.sent(to_user_id=asked.fan))


def test_without_valkey_a_webhook_is_taken_and_its_cause_waits_in_the_outbox(house: House) -> None:
    asked = wire.said("e2e-no-carrier", "多少钱")
    with frozen(house, "valkey"):
        began = time.monotonic()
        assert house.say(asked).status_code == 200
        assert time.monotonic() - began < 1.0
        inbound = house.rows(
            "SELECT id FROM douyin.inbound WHERE dedupe_key = $1", asked.message_id
        )
        envelopes = [json.loads(r["envelope"]) for r in house.rows("SELECT * FROM douyin.outbox")]
        about = [e for e in envelopes if e["subject"] == asked.fan]
        assert [e["cause"] for e in about] == [inbound[0]["id"]]
        assert "多少钱" not in json.dumps(about, ensure_ascii=False)
        ready = house.http.get(f"{house.base}/readyz")
        assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    eventually(lambda: house.sent(to_user_id=asked.fan), within=20)


def test_a_flushed_valkey_costs_time_and_nothing_else(house: House) -> None:
    asked = [wire.said(f"e2e-flushed-{n}", "多少钱") for n in range(20)]
    with house.carrier() as carrier:
        for one in asked:
            assert house.say(one).status_code == 200
            carrier.flushall()
    eventually(lambda: all(house.sent(to_user_id=one.fan) for one in asked), within=30)
    eventually(house.at_rest, within=30)
    assert [len(house.sent(to_user_id=one.fan)) for one in asked] == [1] * len(asked)


def test_an_answer_that_never_came_is_settled_by_its_echo(house: House) -> None:
    asked = wire.said("e2e-ambiguous", "多少钱")
    order = {"kind": "accepted_then_reset", "count": 1, "match": {"to_user_id": asked.fan}}
    house.control("failures", order)
    house.say(asked)
    eventually(lambda: house.decision(asked)["items"][0]["state"] == "sent", within=20)
    assert len(house.sent(to_user_id=asked.fan)) == 1
    attempt = "SELECT state, reason FROM douyin.attempt WHERE reply_to = $1"
    assert house.rows(attempt, asked.message_id)[0]["state"] == "sent"


@contextmanager
def frozen(house: House, part: str) -> Iterator[None]:
    """The processes of a server stand still: nothing answers and no connection is closed."""
    pids = [house.pid(part)]
    assert pids[0], f"{part} does not run: a signal to 0 would reach all who run the tests"
    if part == "postgres":
        pids += house.children(pids[0])
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
