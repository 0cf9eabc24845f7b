"""What each process measures every ten seconds, seen on /metrics."""

import re

import pytest

from services.embedded.servers import ValkeyServer
from shared.db import ALL_TENANTS
from shared.inbox import Quarantine
from shared.observability import metrics
from shared.runtime.heartbeat import beat
from shared.runtime.measuring import Gauges
from tests.service.shared.conftest import HEARER, LANE, TELLER, Road, an_event


def shown(name: str, **labels: str) -> float:
    """A value on the wire."""
    wanted = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
    line = f"{name}{{{wanted}}}" if wanted else name
    found = re.search(rf"^{re.escape(line)} (\S+)$", metrics.render().decode(), re.MULTILINE)
    assert found, f"{line} is not shown"
    return float(found[1])


def gauges_of(road: Road) -> Gauges:
    """The gauges of a process in which teller and hearer live."""
    made = Gauges(road.process("both"), [TELLER, HEARER])
    made.lanes = [(HEARER, LANE)]
    made.depths = {TELLER: road.relay("both").depth, HEARER: road.relay("both", HEARER).depth}
    return made


@pytest.fixture
def gauges(road: Road) -> Gauges:
    return gauges_of(road)


async def test_queues_are_shown_with_their_length_and_age(road: Road, gauges: Gauges) -> None:
    await gauges.once()
    assert shown("outbox_oldest_seconds", service=TELLER) == 0
    assert shown("inbox_oldest_unprocessed_seconds", service=HEARER, lane=LANE) == 0

    relay = road.relay()
    await road.tell("one", "two")
    await relay.send_offered()
    await road.sql(f"UPDATE {TELLER}.outbox SET created_at = now() - interval '90 seconds'")
    await gauges.once()
    assert shown("outbox_unacknowledged_rows", service=TELLER) == 2
    assert 90 <= shown("outbox_oldest_seconds", service=TELLER) < 95
    assert shown("lane_entries", service=HEARER, lane=LANE) == 2
    assert 0 < shown("inbox_oldest_unprocessed_seconds", service=HEARER, lane=LANE) < 5


async def test_what_was_put_aside_is_counted_until_somebody_redrives_it(
    road: Road, gauges: Gauges
) -> None:
    quarantine, event = Quarantine(road.process("both").database(HEARER)), an_event("poison")
    await quarantine.give_up(event.id, LANE, event.dump(), "ValueError")
    await gauges.once()
    assert shown("quarantine_envelopes", service=HEARER) == 1
    await quarantine.release(event.id)
    await gauges.once()
    assert shown("quarantine_envelopes", service=HEARER) == 0


async def test_a_role_whose_last_process_is_silent_is_seen_by_the_others(
    road: Road, gauges: Gauges
) -> None:
    database = road.process("both").database(TELLER)
    await beat(database, "host-a-quota-worker-8080", "quota-worker")
    await beat(database, "host-b-quota-worker-8080", "quota-worker")
    silent = "UPDATE siyu.heartbeat SET beat_at = now() - interval '40 seconds' WHERE instance LIKE '{}%'"
    await road.sql(silent.format("host-a"))
    await gauges.once()
    assert shown("heartbeat_age_seconds", process="quota-worker") < 5  # the other one is alive
    await road.sql(silent.format("host"))
    await gauges.once()
    assert shown("heartbeat_age_seconds", process="quota-worker") >= 40
    assert shown("heartbeat_age_seconds", process="both") < 5


async def test_replicas_that_were_replaced_are_forgotten_a_whole_role_is_not(
    road: Road, gauges: Gauges
) -> None:
    await road.sql(
        "INSERT INTO siyu.heartbeat SELECT v.i, v.p, now() - v.age * interval '1 hour' FROM (VALUES"
        " ('old-pod', 'fans-api', 3), ('new-pod', 'fans-api', 0), ('last-pod', 'fans-worker', 9)) v(i, p, age)"
    )
    await gauges.once()
    left = {row[0] for row in await road.sql("SELECT instance FROM siyu.heartbeat")}
    assert left == {"new-pod", "last-pod", gauges._resources.instance}


async def test_ages_go_on_being_measured_while_the_carrier_is_away(
    breakable: Road, own_valkey: ValkeyServer
) -> None:
    gauges = gauges_of(breakable)
    await gauges.once()
    assert shown("neighbour_up", neighbour="redis") == 1
    own_valkey.kill()
    await breakable.tell("waits")
    await breakable.sql(f"UPDATE {TELLER}.outbox SET created_at = now() - interval '70 seconds'")
    await gauges.once()
    assert shown("neighbour_up", neighbour="redis") == 0
    assert shown("neighbour_up", neighbour="postgresql") == 1
    assert shown("outbox_oldest_seconds", service=TELLER) >= 70


async def test_a_measure_that_breaks_hides_no_other(road: Road, gauges: Gauges) -> None:
    async def broken() -> None:
        raise ZeroDivisionError

    gauges.measures = [broken]
    await road.tell("one")
    await gauges.once()
    assert shown("outbox_unacknowledged_rows", service=TELLER) == 1
    assert shown("neighbour_up", neighbour="postgresql") == 1


async def test_lent_connections_are_counted_when_somebody_looks(road: Road, gauges: Gauges) -> None:
    await gauges.once()
    assert shown("pool_in_use", pool=TELLER) == 0
    async with road.process("both").database(TELLER).transaction(ALL_TENANTS):
        assert shown("pool_in_use", pool=TELLER) == 1
    assert shown("pool_in_use", pool=TELLER) == 0
    assert shown("pool_limit", pool=TELLER) == 10
