"""A lane goes on: past poison, past what it cannot read, and after a neighbour was away."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from services.embedded import operations
from shared.contracts.envelope import Envelope
from shared.contracts.events.quota import ThresholdReached
from shared.errors import NeighbourAway
from shared.inbox import MAX_ATTEMPTS
from shared.queue import CarrierAway, Lane
from shared.queue.lanes import Patience
from tests.service.shared.conftest import (
    HEARER,
    LANE,
    STREAM,
    Road,
    an_event,
    enveloped,
    eventually,
    running,
    turn,
)


@dataclass
class Handler:
    """Writes effects, but does to the words in `trouble` what a test wants."""

    road: Road
    trouble: dict[str, Any] = field(default_factory=dict)
    calls: list[list[str]] = field(default_factory=list)

    async def __call__(self, envelopes: list[Envelope]) -> None:
        words = [e.data["operation_id"] for e in envelopes]
        self.calls.append(words)
        for word in words:
            if word in self.trouble:
                await self.trouble[word]()
        await self.road.write(envelopes)

    def alone(self, word: str) -> int:
        """How often the word came alone."""
        return self.calls.count([word])


async def fails() -> None:
    raise ZeroDivisionError


async def hangs() -> None:
    await asyncio.sleep(60)


async def is_away() -> None:
    raise NeighbourAway("quota gives no answer")


async def told(road: Road, *words: str) -> list[str]:
    """Events on the hearer's stream, in one batch; their ids."""
    relay = road.relay()
    found = await road.tell(*words)
    await relay.send_offered()
    return found


async def attempts(road: Road) -> dict[str, int]:
    rows = await road.sql(f"SELECT id, attempts FROM {HEARER}.quarantine")
    return {row[0]: row[1] for row in rows}


@pytest.mark.parametrize(
    ("trouble", "reason"), [(fails, "ZeroDivisionError"), (hangs, "TimeoutError")]
)
async def test_poison_is_tried_five_times_alone_and_put_aside_and_its_neighbours_are_handled(
    road: Road, trouble: Any, reason: str
) -> None:
    handler = Handler(road, {"bad": trouble})
    patience = Patience(handler_seconds=0.2, retry_seconds=(0, 0, 0, 0), sweep_seconds=0)
    (_, bad_id, _) = await told(road, "good 1", "bad", "good 2")
    await turn(road.lane(handler, patience=patience))
    assert handler.calls[0] == ["good 1", "bad", "good 2"]
    assert handler.alone("bad") == MAX_ATTEMPTS == 5
    assert (handler.alone("good 1"), handler.alone("good 2")) == (1, 1)
    assert await road.effects() == ["good 1", "good 2"]
    assert await road.waiting() == [(bad_id, reason)]
    assert (road.in_stream(), road.pending()) == (0, 0)


async def test_between_attempts_there_are_pauses_and_others_go_on(road: Road) -> None:
    handler = Handler(road, {"bad": fails})
    lane = road.lane(handler, patience=Patience(retry_seconds=(0.5, 60, 60, 60)))
    await told(road, "bad")
    await lane.step(block_ms=0)
    await told(road, "good")
    await lane.step(block_ms=0)
    assert await road.effects() == ["good"]
    assert handler.alone("bad") == 2, "once as a batch, once as an attempt"
    await asyncio.sleep(0.5)
    await lane.step(block_ms=0)
    assert handler.alone("bad") == 3


async def test_two_copies_in_one_batch_reach_the_handler_as_one(road: Road) -> None:
    """The net may have sent it twice; handlers ask the inbox by id."""
    handler = Handler(road)
    relay = road.relay()
    await road.tell("twice", "also twice")
    for _ in range(2):
        await road.make_due()
        await relay.send_due()
    assert road.in_stream() == 4
    await turn(road.lane(handler))
    assert handler.calls == [["twice", "also twice"]]
    assert await road.effects() == ["also twice", "twice"]
    assert (road.in_stream(), road.pending()) == (0, 0), "both copies are finished"


async def test_an_envelope_that_recovers_leaves_no_trace(road: Road) -> None:
    handler = Handler(road, {"bad": fails})
    lane = road.lane(handler)
    await told(road, "bad")
    await lane.step(block_ms=0)
    handler.trouble.clear()
    await turn(lane)
    assert (await road.effects(), await attempts(road)) == (["bad"], {})


def unreadable() -> dict[str, bytes]:
    fields = orjson.loads(an_event("x").dump())
    return {
        "no text": b"\xff\x00\xfe",
        "nothing": b"",
        "a list": b"[]",
        "a number": b"5",
        "no fields": b"{}",
        "no tenant": orjson.dumps({**fields, "tenant": None}),
        "an id that is a number": orjson.dumps({**fields, "id": 5}),
        "a type that is a number": orjson.dumps({**fields, "type": 5}),
        "a type that is a list": orjson.dumps({**fields, "type": []}),
        "a time that is none": orjson.dumps({**fields, "occurred_at": "yesterday"}),
    }


async def test_what_is_no_envelope_is_put_aside_and_the_lane_goes_on(road: Road) -> None:
    kinds = unreadable()
    for raw in kinds.values():
        road.carrier.xadd(STREAM, {"e": raw})
    await told(road, "good")
    await turn(road.lane(road.write))
    assert await road.effects() == ["good"]
    rows = await road.sql(f"SELECT envelope, reason FROM {HEARER}.quarantine")
    parked = {bytes(row[0]) for row in rows}
    assert [kind for kind, raw in kinds.items() if raw not in parked] == []
    assert {row[1] for row in rows} == {"undecodable"}
    assert (road.in_stream(), road.pending()) == (0, 0)


async def test_a_type_that_no_handler_knows_is_parked_and_acknowledged(road: Road) -> None:
    fields = {"limit": "l", "quota_subject": "s", "window_id": "w"}
    counted = {"mark": 0.8, "used": 1, "held": 0, "cap": 1}
    unknown = enveloped(ThresholdReached.model_validate(fields | counted))
    road.carrier.xadd(STREAM, {"e": unknown.dump()})
    await told(road, "good")
    await turn(road.lane(road.write))
    assert await road.effects() == ["good"]
    assert await road.waiting() == [(unknown.id, "unknown_type")]
    assert road.carrier.xlen("siyu:acks:quota") == 1


async def test_two_copies_of_an_envelope_in_one_batch_have_one_effect(road: Road) -> None:
    handler = Handler(road)
    (event_id,) = await told(road, "once")
    entries: Any = road.carrier.xrange(f"siyu:{HEARER}:{LANE}")
    (raw,) = [fields[b"e"] for _, fields in entries]
    road.carrier.xadd(f"siyu:{HEARER}:{LANE}", {"e": raw})
    await road.lane(handler).step(block_ms=0)
    await road.lane(handler).step(block_ms=0)
    assert (await road.effects(), handler.calls) == (["once"], [["once"]])
    assert (road.pending(), road.in_stream()) == (0, 0), event_id


async def test_a_neighbour_that_is_away_pauses_the_lane_and_counts_nothing(road: Road) -> None:
    words = [f"w{n:02}" for n in range(20)]
    handler = Handler(road, {"w07": is_away})
    lane = road.lane(handler)
    await told(road, *words)
    async with running(lane.run()):
        await eventually(lambda: len(handler.calls) > 2, "the lane tries again and again")
        assert (await road.effects(), await attempts(road)) == ([], {})
        handler.trouble.clear()
        await eventually(lambda: effects_are(road, words), "work goes on afterwards")
    assert [len(call) for call in handler.calls] == [20] * len(handler.calls), "in batches"


async def effects_are(road: Road, words: list[str]) -> bool:
    return await road.effects() == words


async def test_an_attempt_is_taken_back_when_a_neighbour_was_away(road: Road) -> None:
    answers = [fails, fails, is_away, is_away, is_away, is_away, is_away]
    handler = Handler(road)

    async def next_answer() -> None:
        if answers:
            await answers.pop(0)()

    handler.trouble["w"] = next_answer
    (event_id,) = await told(road, "w")
    lane = road.lane(handler)
    await lane.step(block_ms=0)  # the batch fails, then the only attempt that counts
    for _ in range(5):
        with pytest.raises(NeighbourAway):
            await everything_in_hand(lane)
    assert await attempts(road) == {event_id: 1}
    await everything_in_hand(lane)
    assert (await road.effects(), await attempts(road)) == (["w"], {})


async def everything_in_hand(lane: Lane) -> None:
    async for entries in lane._reader.in_hand():
        await lane._one_by_one(await lane._read(entries))


async def test_an_attempt_that_a_neighbour_spoilt_leaves_no_trace(road: Road) -> None:
    calls = [fails, is_away]  # as a batch, then alone

    async def next_answer() -> None:
        await calls.pop(0)()

    await told(road, "w")
    with pytest.raises(NeighbourAway):
        await road.lane(Handler(road, {"w": next_answer})).step(block_ms=0)
    assert (calls, await attempts(road)) == ([], {})


async def test_what_a_dead_consumer_took_is_taken_over(road: Road) -> None:
    await told(road, "w1", "w2")
    dead = road.process("dead").streams.reader(HEARER, LANE)
    assert (await dead.new(block_ms=0), len(await dead.new(block_ms=0))) == ([], 2)
    handler = Handler(road)
    patience = Patience(sweep_seconds=0, abandoned_ms=100)
    lane = road.lane(handler, "alive", patience)
    assert await lane.step(block_ms=0) == 0, "it may still be working on them"
    assert handler.calls == []
    await asyncio.sleep(0.11)
    await lane.step(block_ms=0)
    assert handler.calls == [["w1"], ["w2"]], "one by one: they may be what killed it"
    assert (await road.effects(), road.pending()) == (["w1", "w2"], 0)


async def crash_in(road: Road, word: str) -> bool:
    """Run the hearer's process until it dies handling that word; False if it comes to rest alive."""
    died = asyncio.Event()

    async def dies() -> None:
        died.set()
        await asyncio.sleep(60)  # the task is cancelled here: nothing behind it runs

    handler = Handler(road, {word: dies})
    lane = asyncio.create_task(road.lane(handler).run())
    try:
        async with asyncio.timeout(1.0):
            await died.wait()
    except TimeoutError:
        return False
    finally:
        lane.cancel()
        await asyncio.gather(lane, return_exceptions=True)
        await road.restarted("hearer")
    return True


async def test_after_two_crashes_everything_in_hand_is_taken_alone_and_counted_before_it_runs(
    road: Road,
) -> None:
    (_, bad_id, _) = await told(road, "good 1", "bad", "good 2")
    for _ in range(2):  # once may be an accident
        assert await crash_in(road, "bad")
        assert await attempts(road) == {}, "in a batch nobody knows whose fault it was"
    assert await crash_in(road, "bad")
    assert await attempts(road) == {bad_id: 1}, "counted though the handler never came back"
    handler = Handler(road)
    async with running(road.lane(handler).run()):
        await eventually(lambda: len(handler.calls) == 2, "the rest is taken")
        await eventually(lambda: road.pending() == 0, "and finished")
    assert handler.calls == [["bad"], ["good 2"]], "good 1 was finished before the third crash"
    assert await road.effects() == ["bad", "good 1", "good 2"]


async def test_what_kills_its_process_five_times_is_put_aside_and_not_forgotten(road: Road) -> None:
    (bad_id, _) = await told(road, "bad", "good")
    crashes = 0
    while await crash_in(road, "bad"):
        crashes += 1
        assert crashes < 10, "nobody stops it"
    assert crashes == 2 + MAX_ATTEMPTS, "twice in a batch, then alone"
    assert await road.waiting() == [(bad_id, "process_died")]
    assert await road.effects() == ["good"]


@dataclass
class Operator:
    """What an operator types, and reads."""

    road: Road
    capsys: pytest.CaptureFixture[str]

    async def redrive(self, event_id: str = "") -> str:
        settings = self.road.process("operator").settings
        self.capsys.readouterr()
        await operations.redrive(settings, HEARER, event_id)
        return self.capsys.readouterr().out.strip().splitlines()[-1]

    async def quarantine(self) -> str:
        self.capsys.readouterr()
        await operations.list_quarantine(self.road.process("operator").settings)
        return self.capsys.readouterr().out


async def test_an_operator_lets_it_be_tried_again_and_hears_what_became_of_it(
    road: Road, capsys: pytest.CaptureFixture[str]
) -> None:
    handler, operator = Handler(road, {"bad": fails}), Operator(road, capsys)
    (bad_id,) = await told(road, "bad")
    await turn(road.lane(handler))
    assert (
        f"{HEARER} {bad_id} direct_messages.send_not_requested Zero" in await operator.quarantine()
    )
    async with running(road.lane(handler).run()):
        assert await operator.redrive() == f"{bad_id} failed again: ZeroDivisionError"
        assert await road.waiting() == [(bad_id, "ZeroDivisionError")]
        handler.trouble.clear()
        assert await operator.redrive(bad_id) == f"{bad_id} handled"
    assert (await road.effects(), await attempts(road)) == (["bad"], {})
    assert await operator.redrive(bad_id) == f"{bad_id} is not in quarantine"


async def test_what_is_in_quarantine_is_not_tried_when_it_is_sent_again(road: Road) -> None:
    handler = Handler(road, {"bad": fails})
    (bad_id,) = await told(road, "bad")
    lane = road.lane(handler)
    await turn(lane)
    tried = handler.alone("bad")
    await road.make_due()
    await road.relay().send_due()
    await turn(lane)
    assert handler.alone("bad") == tried + 1, "as a batch, whose failure counts nothing"
    assert await road.waiting() == [(bad_id, "ZeroDivisionError")]
    assert (road.in_stream(), road.pending()) == (0, 0)


@pytest.mark.parametrize("full", ["maxmemory 1", "min-replicas-to-write 3"])
async def test_a_carrier_that_refuses_to_write_pauses_lanes_and_ends_no_process(
    breakable: Road, full: str
) -> None:
    """Reading marks what was read, so a full carrier refuses it too: with an error that is no absence."""
    setting, value = full.split()
    handler = Handler(breakable)
    lane = breakable.lane(handler)
    async with running(lane.run()):
        breakable.carrier.config_set(setting, value)
        with pytest.raises(CarrierAway):
            await breakable.process("other").streams.reader(HEARER, LANE).new(block_ms=0)
        await asyncio.sleep(0.5)
        breakable.carrier.config_set(setting, 0)
        await told(breakable, "word")
        await eventually(lambda: handler.alone("word") == 1, "it is handled when there is room")
