"""Overdue holds: what was settled is told again, what is in doubt is not answered."""

from shared.contracts.events.open_platform import PolicyChanged
from shared.contracts.events.quota import ReservationOverdue
from tests.service.douyin.conftest import ACCOUNT, Connector
from tests.service.douyin.platform import hang_up


async def ask(connector: Connector, operation: str) -> None:
    now = await connector.world.now()
    event = ReservationOverdue(
        operation_id=operation, reservation_id=f"rsv_{operation}", held_since=now
    )
    await connector.world.deliver("douyin", connector._envelope(event, ACCOUNT, now))


async def test_a_settled_operation_is_told_again(connector: Connector) -> None:
    await connector.request("op_1", "a", "b")
    await connector.until_states("sent", "sent")
    await ask(connector, "op_1")
    assert sorted(await connector.settled()) == [
        ("op_1", 0, "sent"),
        ("op_1", 0, "sent"),
        ("op_1", 1, "sent"),
        ("op_1", 1, "sent"),
    ]


async def test_a_doubt_is_not_answered(connector: Connector) -> None:
    connector.platform.script.append(hang_up)
    await connector.request("op_1", "a", "b")
    await connector.until_states("unknown", "failed")
    told = await connector.settled()
    await ask(connector, "op_1")
    assert await connector.settled() == told


async def test_what_is_still_queued_or_unheard_of_is_not_answered(quiet: Connector) -> None:
    await quiet.request("op_1", "a", "b")
    await ask(quiet, "op_1")
    await ask(quiet, "op_2")
    assert await quiet.settled() == []


async def test_a_changed_policy_is_heard_and_acknowledged(quiet: Connector) -> None:
    now = await quiet.world.now()
    event = PolicyChanged(profile="seed_2021", policy_version=2, values={})
    envelope = quiet._envelope(event, ACCOUNT, now)
    await quiet.world.deliver("douyin", envelope)
    assert await quiet.world.sql("SELECT id FROM douyin.inbox WHERE id = $1", envelope.id)
