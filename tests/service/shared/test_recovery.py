"""A lane comes back to what it could not finish: at once, in batches, and counting nothing."""

from shared.contracts.envelope import Envelope
from shared.inbox import MAX_ATTEMPTS, Postponed
from shared.queue.lanes import Patience
from tests.service.shared.conftest import HEARER, LANE, TELLER, Road, eventually, running, turn
from tests.service.shared.test_lanes import Handler, attempts, fails, told


async def test_what_waits_for_news_is_let_go_uncounted_and_its_sender_brings_it_again(
    road: Road,
) -> None:
    news: set[str] = set()
    calls = []

    async def handle(envelopes: list[Envelope]) -> None:
        calls.append([e.data["operation_id"] for e in envelopes])
        waiting = [e for e in envelopes if e.data["operation_id"] not in news | {"w1", "w2"}]
        await road.write([e for e in envelopes if e not in waiting])
        if waiting:
            raise Postponed(waiting)

    acknowledgements = road.process("teller").streams.acknowledgements(TELLER)
    await acknowledgements.read(block_ms=0)
    await told(road, "w1", "early", "w2")
    lane, relay = road.lane(handle, patience=Patience(news_seconds=(60, 60))), road.relay()
    for taken in range(1, 4):
        await turn(lane)
        assert (len(calls), await attempts(road)) == (taken, {}), "one call, nothing is counted"
        assert (road.pending(), road.in_stream()) == (0, 0), "nobody waits behind it"
        assert await road.effects() == ["w1", "w2"]
        await relay.forget(await acknowledgements.read(block_ms=0))
        await road.make_due()
        assert await relay.send_due() == 1
    news.add("early")
    await turn(lane)
    assert await road.effects() == ["early", "w1", "w2"]
    assert calls == [["w1", "early", "w2"], *[["early"]] * 3]


async def test_what_waits_for_news_is_handled_soon_after_they_came_and_no_net_is_needed(
    road: Road,
) -> None:
    news: set[str] = set()
    calls = 0

    async def handle(envelopes: list[Envelope]) -> None:
        nonlocal calls
        calls += 1
        waiting = [e for e in envelopes if e.data["operation_id"] not in news]
        await road.write([e for e in envelopes if e not in waiting])
        if waiting:
            raise Postponed(waiting)

    async def had_effect(*words: str) -> None:
        async def is_so() -> bool:
            return await road.effects() == list(words)

        await eventually(is_so, f"effects {words}")

    await told(road, "early", "late")
    async with running(road.lane(handle, patience=Patience(news_seconds=(0.01, 0.1))).run()):
        await eventually(lambda: calls >= 3, "tried again and again")
        assert (await road.effects(), await attempts(road), road.in_stream()) == ([], {}, 0)
        news.add("early")
        await had_effect("early")
        news.add("late")
        await had_effect("early", "late")
    assert await attempts(road) == {}


async def many_in_hand(road: Road, words: list[str]) -> None:
    """What a lane holds whose process took over what others left: more than one batch."""
    await told(road, *words)
    reader = road.process("hearer").streams.reader(HEARER, LANE)
    taken = 0
    while taken < len(words):
        taken += len(await reader.new(block_ms=0))


async def test_after_a_pause_everything_in_hand_is_taken_at_once_and_in_batches(road: Road) -> None:
    words = [f"w{n:03}" for n in range(500)]
    handler = Handler(road)
    lane = road.lane(handler, patience=Patience())
    await many_in_hand(road, words)
    await lane._after_pause()
    assert [len(call) for call in handler.calls] == [200, 200, 100]
    assert (await road.effects(), road.pending(), await attempts(road)) == (words, 0, {})


async def test_after_a_death_everything_in_hand_is_taken_at_once_and_in_batches(road: Road) -> None:
    words = [f"w{n:03}" for n in range(500)]
    handler = Handler(road)
    await many_in_hand(road, words)
    async with running(road.lane(handler, patience=Patience()).run()):
        await eventually(lambda: road.pending() == 0, "all of it is taken")
    assert [len(call) for call in handler.calls] == [200, 200, 100]
    assert (await road.effects(), await attempts(road)) == (words, {})


async def test_pauses_use_up_no_attempts_of_what_failed_by_itself(road: Road) -> None:
    handler = Handler(road, {"bad": fails})
    lane = road.lane(handler, patience=Patience(retry_seconds=(60, 60, 60, 60)))
    (bad_id, _) = await told(road, "bad", "good")
    await lane.step(block_ms=0)
    for _ in range(MAX_ATTEMPTS):
        await lane._after_pause()
    assert (await attempts(road), await road.waiting()) == ({bad_id: 1}, [])
    assert len(lane._later) == 1, "it waits for its next attempt"
