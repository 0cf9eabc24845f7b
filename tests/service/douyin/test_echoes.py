"""Echoes: each binds one attempt, and one that binds nothing changes nothing."""

from datetime import timedelta
from typing import Any

from services.douyin.domain.attempts import content_hash
from shared.contracts.events.douyin import MessageEchoed
from tests.service.douyin.conftest import ACCOUNT, FAN, KEY, OPEN_ID, Connector
from tests.service.douyin.platform import accept_and_hang_up, hang_up
from tests.service.douyin.test_door import a_message


async def test_an_echo_of_what_was_answered_with_its_id_is_no_news(
    connector: Connector,
) -> None:
    await connector.request("op_1", "hi")
    await connector.until_states("sent")
    await connector.echo("@out0001==", "hi")
    assert await connector.settled() == [("op_1", 0, "sent")], "nothing new to tell"


async def test_an_echo_with_another_id_binds_the_oldest_sent_attempt_first(
    connector: Connector,
) -> None:
    await connector.request("op_1", "hi")
    await connector.until_states("sent")
    connector.platform.script.append(accept_and_hang_up)
    await connector.request("op_2", "hi")
    await connector.until_states("sent", "unknown")
    await connector.echo("@other1==", "hi")
    assert await connector.states() == ["sent", "unknown"], "the first echo is of the first message"
    await connector.echo("@other2==", "hi")
    assert await connector.states() == ["sent", "sent"]


async def in_doubt_behind_an_unechoed_one(connector: Connector) -> None:
    """Ids were equal so far; of two messages "hi" the first was sent, of the second nobody knows."""
    await connector.request("op_0", "first")
    await connector.until_states("sent")
    await connector.echo("@out0001==", "first")
    await connector.request("op_1", "hi")
    await connector.until_states("sent", "sent")
    await connector.world.set_clock(await connector.world.now() + timedelta(seconds=20))
    connector.platform.script.append(hang_up)
    await connector.request("op_2", "hi")
    await connector.until_states("sent", "sent", "unknown")


async def test_where_ids_are_known_to_match_a_lost_echo_does_not_steal_the_next(
    connector: Connector,
) -> None:
    await connector.put_app(max_event_age_hours=72)
    await in_doubt_behind_an_unechoed_one(connector)  # the echo of op_1 is lost
    await connector.echo("@unseen==", "hi")  # created after the answer to op_1
    assert await connector.states() == ["sent", "sent", "sent"]


async def test_the_first_echo_after_ids_stopped_being_equal_confirms_nothing_false(
    connector: Connector,
) -> None:
    await in_doubt_behind_an_unechoed_one(connector)  # op_2 never left
    await connector.echo("@other1==", "hi")  # of op_1, which was answered with another id
    assert await connector.states() == ["sent", "sent", "unknown"]
    assert [row["echo_id"] for row in await connector.attempts()] == [None, "@other1==", None]


async def test_as_many_echoes_as_messages_settle_them_all_whatever_their_ids(
    connector: Connector,
) -> None:
    await in_doubt_behind_an_unechoed_one(connector)
    for one in ("@other1==", "@other2=="):
        await connector.echo(one, "hi")
    assert await connector.states() == ["sent", "sent", "sent"]


def an_echo(message_id: str, text: str = "hi", **changed: object) -> dict[str, Any]:
    """What the platform posts of a message of ours."""
    sent = {"event": "im_send_msg", "from_user_id": OPEN_ID, "to_user_id": FAN, **changed}
    return a_message(message_id, content={"source": KEY, "text": text}, **sent)


async def come_in(connector: Connector, *message_ids: str) -> None:
    """Echoes come in at the door and are heard, in this order."""
    for message_id in message_ids:
        assert (await connector.post(an_echo(message_id))).status_code == 200
        await connector.world.drain()


async def test_echoes_in_the_wrong_order_settle_a_doubt_as_those_in_the_right_one(
    connector: Connector,
) -> None:
    await in_doubt_behind_an_unechoed_one(connector)
    await come_in(connector, "@of-op-2")
    assert await connector.states() == ["sent", "sent", "unknown"], "it may be of op_1"
    await come_in(connector, "@out0002==")  # of op_1 by its id: the other one was not
    assert await connector.states() == ["sent", "sent", "sent"]
    assert (await connector.attempts())[2]["msg_id"] == "@of-op-2"
    assert ("op_2", 0, "sent") in await connector.settled()


async def test_where_the_other_echo_is_withheld_a_doubt_stays(connector: Connector) -> None:
    await in_doubt_behind_an_unechoed_one(connector)  # nothing ever comes of op_1
    await come_in(connector, "@of-op-2")
    assert await connector.states() == ["sent", "sent", "unknown"]
    bound = [(row["msg_id"], row["echo_id"]) for row in await connector.attempts()]
    assert bound[1:] == [("@out0002==", "@of-op-2"), (None, None)], "nobody can tell whose it is"


async def test_what_was_echoed_by_its_id_takes_no_other_echo(connector: Connector) -> None:
    await in_doubt_behind_an_unechoed_one(connector)
    await connector.post(an_echo("@out0002=="))  # of op_1
    await connector.echo("@unseen==", "hi")
    assert await connector.states() == ["sent", "sent", "sent"]


async def test_an_echo_of_something_older_does_not_settle_a_doubt(connector: Connector) -> None:
    await connector.put_app(max_event_age_hours=72)
    connector.platform.script.append(hang_up)
    await connector.request("op_1", "hi")
    await connector.until_states("unknown")
    before = (await connector.world.now()) - timedelta(minutes=1)
    await connector.echo("@old==", "hi", created_at=before)
    assert await connector.states() == ["unknown"]
    await connector.echo("@new==", "hi")
    assert await connector.states() == ["sent"]


async def test_where_arrival_counts_the_time_in_an_echo_does_not(connector: Connector) -> None:
    connector.platform.script.append(accept_and_hang_up)
    await connector.request("op_1", "hi")
    await connector.until_states("unknown")
    years_ago = (await connector.world.now()) - timedelta(days=1000)
    await connector.echo("@echo==", "hi", created_at=years_ago)
    assert await connector.states() == ["sent"]


async def test_echoes_of_another_text_conversation_or_of_nothing_change_nothing(
    connector: Connector,
) -> None:
    connector.platform.script.append(hang_up)
    await connector.request("op_1", "hi")
    await connector.until_states("unknown")
    await connector.echo("@a==", "ho")
    await connector.echo("@b==", "hi", conversation_id="@conv002==")
    assert await connector.states() == ["unknown"]
    assert await connector.settled() == [("op_1", 0, "unknown")]


async def test_an_echo_that_is_quicker_than_the_answer_settles_and_lets_the_next_item_go(
    quiet: Connector,
) -> None:
    await quiet.request("op_1", "a", "b")
    assert await quiet.states() == ["sending", "queued"]
    await quiet.echo("@a==", "a")
    assert await quiet.states() == ["sent", "sending"]
    assert await quiet.settled() == [("op_1", 0, "sent")]


async def test_ids_that_stop_being_equal_are_noticed_and_confirm_nothing_false(
    connector: Connector,
) -> None:
    await connector.request("op_0", "first")
    await connector.until_states("sent")
    await connector.echo("@out0001==", "first")  # equal so far
    await connector.request("op_1", "hi")
    await connector.until_states("sent", "sent")
    await connector.echo("@other1==", "hi")  # of op_1, which was answered with another id
    await connector.request("op_2", "hi")
    await connector.until_states("sent", "sent", "sent")
    connector.platform.script.append(hang_up)
    await connector.request("op_3", "hi")
    await connector.until_states("sent", "sent", "sent", "unknown")
    await connector.echo("@other2==", "hi")  # of op_2
    assert await connector.states() == ["sent", "sent", "sent", "unknown"], "op_3 never left"


async def test_an_id_that_another_account_knows_is_no_id_of_this_one(connector: Connector) -> None:
    assert (await connector.bind("acc_2", "biz-open-id-0002")).status_code == 200
    await connector.request("op_1", "hi", account="acc_2")
    await connector.until_states("sent")
    connector.platform.script.append(accept_and_hang_up)
    await connector.request("op_2", "hi")
    await connector.until_states("sent", "unknown")
    now = await connector.world.now()
    echo = MessageEchoed(
        message_id="@out0001==",
        conversation_id="@conv001==",
        open_id="fan",
        kind="text",
        content_hash=content_hash("text", "hi"),
        created_at=now,
    )
    both = [connector._envelope(echo, account, now) for account in ("acc_2", ACCOUNT)]
    await connector.world.deliver("douyin", *both)
    assert await connector.states() == ["sent", "sent"]
