"""Sending: each item once, in order, and nothing is called failed that may have been sent."""

import asyncio
import itertools
from datetime import timedelta

from shared.runtime.worker import assemble
from tests.service.douyin.conftest import (
    ACCOUNT,
    ORGANIZATION,
    VECTORS,
    Connector,
    dispatching,
)
from tests.service.douyin.platform import accept_and_hang_up, after, hang_up, reply


async def test_a_reply_leaves_exactly_as_in_vector_9_and_is_told_as_sent(
    connector: Connector,
) -> None:
    await connector.request("op_1", "您好")
    await connector.until_states("sent")
    (call,) = connector.platform.calls
    assert call.raw.decode() == VECTORS["send"]["request"]["body"]
    assert (call.open_id, call.token) == ("biz-open-id-0001", "act.x")
    (event,) = await connector.events()
    assert event["type"] == "douyin.attempt_settled"
    assert event["cause"] == "evt_cause"
    assert event["subject"] == ACCOUNT
    assert event["tenant"] == {"organization_id": ORGANIZATION, "account_id": ACCOUNT}
    assert event["data"]["attempts"] == [
        {
            "operation_id": "op_1",
            "reservation_id": "rsv_op_1",
            "item": 0,
            "outcome": "sent",
            "platform_message_id": "@out0001==",
            "code": 0,
            "log_id": "log-1",
            "reason": None,
            "closes_window": None,
            "cause": "evt_cause",
        }
    ]


async def test_three_items_leave_in_order_and_never_at_the_same_time(connector: Connector) -> None:
    connector.platform.always = after(0.05)
    await connector.request("op_1", "一", "二", "三")
    await connector.until_states("sent", "sent", "sent")
    assert connector.platform.texts() == ["一", "二", "三"]
    assert await connector.settled() == [("op_1", n, "sent") for n in range(3)]


async def test_two_operations_of_one_conversation_never_overlap(connector: Connector) -> None:
    connector.platform.always = after(0.05)
    requests = [await connector.a_request(f"op_{n}", f"text {n}") for n in range(6)]
    other = await connector.a_request("op_x", "elsewhere", conversation_id="@conv002==")
    await connector.world.deliver("douyin", *requests, other)
    await connector.until_states(*["sent"] * 7)
    calls = connector.platform.calls
    here = [c for c in calls if c.body["conversation_id"] == "@conv001=="]
    assert all(a.ended <= b.began for a, b in itertools.pairwise(here))
    assert [c.text for c in here] == [f"text {n}" for n in range(6)]
    (elsewhere,) = [c for c in calls if c not in here]
    assert elsewhere.began < here[0].ended, "another conversation waits for nobody"


async def test_an_operation_that_is_delivered_twice_sends_once(connector: Connector) -> None:
    first = await connector.a_request("op_1", "hi")
    again = await connector.a_request("op_1", "hi")
    assert first.id != again.id
    await connector.world.deliver("douyin", first, first, again)
    await connector.until_states("sent")
    await connector.world.deliver("douyin", first, again)
    await asyncio.sleep(0.3)
    assert connector.platform.texts() == ["hi"]
    assert await connector.settled() == [("op_1", 0, "sent")]


async def test_what_comes_behind_a_repetition_in_its_batch_goes_at_once(quiet: Connector) -> None:
    await quiet.request("op_1", "hi")
    await quiet.world.sql("UPDATE douyin.attempt SET state = 'sent', lease_until = NULL")
    again = await quiet.a_request("op_1", "hi")
    new = await quiet.a_request("op_2", "ho")
    await quiet.world.deliver("douyin", again, new)
    assert await quiet.states() == ["sent", "sending"]


async def test_an_operation_that_names_two_conversations_sends_once(connector: Connector) -> None:
    one = await connector.a_request("op_1", "hi")
    two = await connector.a_request("op_1", "hi", conversation_id="@conv002==")
    await connector.world.deliver("douyin", one, two)
    await connector.until_states("sent")
    await asyncio.sleep(0.3)
    assert connector.platform.texts() == ["hi"]


async def test_two_workers_that_race_send_once(quiet: Connector) -> None:
    resources = quiet.world.resources
    database = resources.database("douyin")
    rival = assemble(quiet.world.services[0], resources)
    assert rival.worker.handlers is not quiet.world.parts[0].worker.handlers
    async with dispatching(quiet.world.parts[0]), dispatching(rival):
        operations = [f"op_{n}" for n in range(40)]
        mine = [await quiet.a_request(o, f"text {o}") for o in operations]
        theirs = [await quiet.a_request(o, f"text {o}") for o in operations]
        kind = "direct_messages.send_requested"
        await asyncio.gather(
            *(quiet.world.parts[0].worker.handlers[kind](mine[n : n + 8]) for n in range(0, 40, 8)),
            *(rival.worker.handlers[kind](theirs[n : n + 8]) for n in range(0, 40, 8)),
        )
        await quiet.until_states(*["sent"] * 40)
    assert database is not None
    assert sorted(quiet.platform.texts()) == sorted(f"text {o}" for o in operations)
    calls = sorted(quiet.platform.calls, key=lambda c: c.began)
    assert all(a.ended <= b.began for a, b in itertools.pairwise(calls))


async def test_a_lost_answer_is_unknown_and_its_echo_makes_it_sent(connector: Connector) -> None:
    connector.platform.script.append(accept_and_hang_up)
    await connector.request("op_1", "hi")
    await connector.until_states("unknown")
    await connector.echo("@echo1==", "hi")
    await connector.until_states("sent")
    await connector.echo("@echo1==", "hi")
    (attempt,) = await connector.attempts()
    assert (attempt["msg_id"], attempt["echo_id"]) == ("@echo1==", "@echo1==")
    assert await connector.settled() == [("op_1", 0, "unknown"), ("op_1", 0, "sent")]
    seqs = [e["subject_seq"] for e in await connector.events()]
    assert seqs == [1, 2]
    assert connector.platform.texts() == ["hi"]


async def test_after_an_item_in_doubt_the_rest_is_failed_and_never_sent(
    connector: Connector,
) -> None:
    connector.platform.script.append(hang_up)
    await connector.request("op_1", "一", "二", "三")
    await connector.until_states("unknown", "failed", "failed")
    assert sorted(await connector.settled()) == [
        ("op_1", 0, "unknown"),
        ("op_1", 1, "failed"),
        ("op_1", 2, "failed"),
    ]
    reasons = [row["reason"] for row in await connector.attempts()]
    assert reasons == ["no_answer", "not_attempted", "not_attempted"]
    assert len(connector.platform.calls) == 1


async def test_a_text_in_doubt_does_not_go_again_but_other_texts_do(connector: Connector) -> None:
    connector.platform.script.append(hang_up)
    await connector.request("op_1", "same")
    await connector.until_states("unknown")
    opened = (await connector.attempts())[0]["window_opened_at"]
    await connector.request("op_2", "same", window_opened_at=opened)
    await connector.request("op_3", "other", window_opened_at=opened)
    await connector.until_states("unknown", "queued", "sent")
    await connector.request("op_4", "newer", window_opened_at=opened + timedelta(minutes=1))
    await connector.until_states("unknown", "sent", "sent", "sent")
    assert (await connector.attempts())[0]["content_freed"]
    assert sorted(connector.platform.texts()) == ["newer", "other", "same"]


async def test_what_a_person_sends_again_goes_at_once(connector: Connector) -> None:
    connector.platform.script.append(hang_up)
    await connector.request("op_1", "same")
    await connector.until_states("unknown")
    opened = (await connector.attempts())[0]["window_opened_at"]
    await connector.request("op_2", "same", window_opened_at=opened, supersedes="op_1")
    await connector.until_states("unknown", "sent")


async def test_a_cap_of_the_platform_fails_and_says_that_the_window_is_closed(
    connector: Connector,
) -> None:
    connector.platform.script.append(reply({"err_no": 28003070, "err_msg": "x", "log_id": "l"}))
    await connector.request("op_1", "一", "二")
    await connector.until_states("failed", "failed")
    first, second = sorted(await connector.endings(), key=lambda ended: ended["item"])
    assert (first["reason"], first["closes_window"], first["code"]) == (
        "cap_reached",
        "cap_reached",
        28003070,
    )
    assert (first["log_id"], second["reason"]) == ("l", "not_attempted")
    assert len(connector.platform.calls) == 1


async def test_a_server_error_and_an_unlisted_code_are_unknown(connector: Connector) -> None:
    connector.platform.script += [reply({}, status=502), reply({"err_no": 4711})]
    await connector.request("op_1", "a")
    await connector.request("op_2", "b")
    await connector.until_states("unknown", "unknown")


async def test_nothing_leaves_after_its_window(connector: Connector) -> None:
    now = await connector.world.now()
    await connector.request("op_1", "late", expires_at=now - timedelta(seconds=1))
    await connector.until_states("failed")
    assert connector.platform.calls == []
    (ended,) = await connector.endings()
    assert (ended["reason"], ended["closes_window"]) == ("window_expired", None)


async def test_what_waits_behind_a_text_in_doubt_fails_when_its_window_closes(
    connector: Connector,
) -> None:
    connector.platform.script.append(hang_up)
    await connector.request("op_1", "same")
    await connector.until_states("unknown")
    row = (await connector.attempts())[0]
    await connector.request("op_2", "same", window_opened_at=row["window_opened_at"])
    await connector.world.advance(timedelta(hours=25))
    await connector.until_states("unknown", "failed")
    assert (await connector.attempts())[0]["content_freed"]


async def test_an_account_without_a_token_sends_nothing(connector: Connector) -> None:
    await connector.bind(account="acc_2", open_id="biz-open-id-0002", access_token=None)
    await connector.request("op_1", "hi", account="acc_2")
    await connector.request("op_2", "hi", account="acc_unbound")
    await connector.until_states("failed", "failed")
    assert {row["reason"] for row in await connector.attempts()} == {"not_authorised"}
    assert connector.platform.calls == []


async def test_a_send_for_an_account_that_another_process_bound_just_now_leaves(
    connector: Connector,
) -> None:
    await connector.request("op_1", "hi", account="acc_2", conversation_id="@conv002==")
    await connector.until_states(
        "failed"
    )  # the sender has read just now that there is no such account
    await connector.bind(account="acc_2", open_id="biz-open-id-0002")
    await connector.request("op_2", "hi", account="acc_2", conversation_id="@conv002==")
    await connector.until_states("failed", "sent")


async def test_a_send_for_an_account_that_was_authorised_again_just_now_leaves(
    quiet: Connector,
) -> None:
    revoke = "UPDATE douyin.binding SET revoked_at = {}, revoked_reason = {}"
    await quiet.world.sql(revoke.format("now()", "'contract_withdrawn'"))
    async with dispatching(quiet.world.parts[0]):
        await quiet.request("op_1", "hi")
        await quiet.until_states("failed")
        await quiet.world.sql(revoke.format("NULL", "NULL"))
        await quiet.request("op_2", "hi")
        await quiet.until_states("failed", "sent")


async def test_a_lease_that_ran_out_leaves_an_unknown(quiet: Connector) -> None:
    await quiet.request("op_1", "a", "b")  # claimed by a process that then does nothing
    assert await quiet.states() == ["sending", "queued"]
    await quiet.world.sql("UPDATE douyin.attempt SET lease_until = now() WHERE item = 0")
    survivor = assemble(quiet.world.services[0], quiet.world.resources)
    async with dispatching(survivor):
        await quiet.until_states("unknown", "failed")
        assert await quiet.settled() == [("op_1", 0, "unknown"), ("op_1", 1, "failed")]
    assert quiet.platform.calls == []


async def test_an_unreachable_platform_is_tried_again(quiet: Connector) -> None:
    url = quiet.platform.url
    settings = quiet.world.resources.settings.model_copy(
        update={"douyin_api_url": "http://127.0.0.1:1"}
    )
    quiet.world.resources.settings = settings
    cut_off = assemble(quiet.world.services[0], quiet.world.resources)
    async with dispatching(cut_off):
        await cut_off.worker.handlers["direct_messages.send_requested"](
            [await quiet.a_request("op_1", "hi")]
        )

        async def tried_twice() -> bool:
            (row,) = await quiet.attempts()
            return bool(row["tries"] >= 2 and row["state"] == "queued")

        await quiet.until(tried_twice)
    (row,) = await quiet.attempts()
    assert (row["state"], row["reason"]) == ("queued", "unreachable")
    quiet.world.resources.settings = settings.model_copy(update={"douyin_api_url": url})
    reconnected = assemble(quiet.world.services[0], quiet.world.resources)
    async with dispatching(reconnected):
        await quiet.until_states("sent")
    assert quiet.platform.texts() == ["hi"]


async def test_a_worker_that_stops_gives_back_what_it_did_not_begin(quiet: Connector) -> None:
    quiet.platform.always = after(3)
    requests = [
        await quiet.a_request(f"op_{n}", "hi", conversation_id=f"@conv{n}==") for n in range(70)
    ]
    async with dispatching(quiet.world.parts[0], alarms=False):
        await quiet.world.deliver("douyin", *requests)
        await quiet.until(lambda: len(quiet.platform.calls) == 64)
    states = await quiet.states()
    assert (states.count("sending"), states.count("queued")) == (64, 6)
    assert {row["tries"] for row in await quiet.attempts() if row["state"] == "queued"} == {0}


async def test_many_sends_go_at_once_and_all_are_settled(connector: Connector) -> None:
    connector.platform.always = after(0.02)
    requests = [
        await connector.a_request(f"op_{n}", f"text {n}", conversation_id=f"@conv{n}==")
        for n in range(500)
    ]
    await connector.world.deliver("douyin", *requests)
    await connector.until_states(*["sent"] * 500)
    assert len(connector.platform.calls) == 500
    assert len(await connector.settled()) == 500
    told = [len(e["data"]["attempts"]) for e in await connector.events()]
    assert len(told) < 100, "those that end together are told together"
    assert max(told) <= 32, "but no more than may wait for one that breaks its hearer"


async def test_several_batches_at_once_claim_no_more_than_there_is_room_for(
    quiet: Connector,
) -> None:
    """What a killed process leaves in doubt is bounded by what it had claimed."""
    handle = quiet.world.parts[0].worker.handlers["direct_messages.send_requested"]
    batches = [
        [
            await quiet.a_request(f"op_{b}_{n}", "hi", conversation_id=f"@c{b}-{n}==")
            for n in range(100)
        ]
        for b in range(3)
    ]
    await asyncio.gather(*(handle(batch) for batch in batches))
    states = await quiet.states()
    assert (states.count("sending"), states.count("queued")) == (192, 108)


async def test_what_is_late_has_room_unless_something_waits_to_be_sent(quiet: Connector) -> None:
    """Written down, it would stand before what is new."""
    part = quiet.world.parts[0]
    has_room = part.worker.has_room["sends"]
    (sweep,) = [alarm for alarm in part.worker.alarms if alarm.name == "douyin.sweep"]
    await sweep._run()
    assert has_room(), "nothing waits"
    await quiet.request("op_alone", "hi", conversation_id="@alone==")
    assert has_room(), "it is on its way, and does not wait"
    requests = [
        await quiet.a_request(f"op_{n}", "hi", conversation_id=f"@conv{n}==") for n in range(200)
    ]
    await quiet.world.deliver("douyin", *requests)
    assert not has_room(), "nine wait until others are sent"
    async with dispatching(part, alarms=False):
        await quiet.until_states(*["sent"] * 201)
        await quiet.until(has_room)
    await sweep._run()
    assert has_room()


async def test_what_comes_while_the_table_is_searched_is_not_left_there(quiet: Connector) -> None:
    """The search has reserved all the room, so what comes then is written as waiting."""
    part = quiet.world.parts[0]
    (sweep,) = [alarm for alarm in part.worker.alarms if alarm.name == "douyin.sweep"]
    first, second = [
        await quiet.a_request(f"op_{n}", "hi", conversation_id=f"@conv{n}==") for n in range(2)
    ]
    async with dispatching(part, alarms=False):
        await quiet.world.deliver("douyin", first)
        await asyncio.gather(sweep._run(), quiet.world.deliver("douyin", second))
        await quiet.until_states("sent", "sent")
    assert part.worker.has_room["sends"]()
