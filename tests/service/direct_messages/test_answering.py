"""What fans do is decided once, answered within the quota, and never doubled."""

from datetime import timedelta

import pytest

from shared.errors import NeighbourAway
from tests.service.direct_messages.conftest import (
    DEFAULT,
    FAN,
    GREETING,
    PERSON,
    PRICE,
    THANKS,
    Shop,
)


async def test_a_message_is_answered_by_its_rule(shop: Shop) -> None:
    await shop.rules(PRICE, DEFAULT)

    await shop.says("请问多少钱?")

    (request,) = await shop.requests()
    assert request["texts"] == ["99 元"]
    assert request["scene"] == "im_reply_msg"
    assert request["reply_to"] == "@msg0001=="
    assert request["conversation_id"] == f"@conv-{FAN}"
    assert request["reservation_id"].startswith("rsv_")
    assert await shop.held() == 1


async def test_an_event_that_comes_twice_is_answered_once(shop: Shop) -> None:
    await shop.rules(PRICE)
    message = await shop.a_message("多少钱")

    await shop.tell(message)
    await shop.tell(message, message)

    assert await shop.texts() == ["99 元"]
    assert await shop.outcomes() == ["replied"]
    assert await shop.held() == 1


async def test_a_message_told_under_two_event_ids_is_answered_once(shop: Shop) -> None:
    await shop.rules(PRICE)
    first = await shop.a_message("多少钱", message_id="@same==")
    second = await shop.a_message("多少钱", message_id="@same==")
    third = await shop.a_message("多少钱", message_id="@same==")

    await shop.tell(first, second)
    await shop.tell(third)

    assert await shop.texts() == ["99 元"]
    assert await shop.outcomes() == ["replied"]


async def test_messages_of_one_fan_in_one_batch_are_decided_in_their_order(shop: Shop) -> None:
    await shop.rules(PRICE, DEFAULT, PERSON)
    now = await shop.world.now()
    words = ["在吗", "你好", "人工", "多少钱"]
    told = [
        await shop.a_message(word, created_at=now + timedelta(seconds=n))
        for n, word in enumerate(words)
    ]

    await shop.tell(*reversed(told))

    assert await shop.texts() == ["稍后回复您", "正在转接人工客服"]
    assert await shop.outcomes() == ["replied", "default_waits", "replied", "person_owns"]


async def test_a_batch_of_200_asks_quota_once_and_the_database_a_few_times(shop: Shop) -> None:
    await shop.rules(PRICE)
    told = [await shop.a_message("多少钱", fan=f"fan-{n:04}") for n in range(200)]

    with shop.statements() as statements:
        await shop.handle(*told)

    assert len(await shop.texts()) == 200
    ours = [s for s in statements if s[0] == "direct_messages"]
    assert len([s for s in statements if s[1].startswith("INSERT INTO reservation")]) == 1
    assert len(ours) <= 18, "\n".join(s[1][:80] for s in ours)


async def test_while_quota_is_away_nothing_is_lost_and_nothing_counted(shop: Shop) -> None:
    await shop.rules(PRICE)
    message = await shop.a_message("多少钱")
    quota = shop.quota_goes_away()

    with pytest.raises(NeighbourAway):
        await shop.tell(message)
    assert await shop.outcomes() == []
    assert await shop.attempts() == 0

    shop.quota_comes_back(quota)
    await shop.take_again()

    assert await shop.texts() == ["99 元"]
    assert await shop.attempts() == 0


async def test_a_message_before_the_policy_waits_for_it(shop: Shop) -> None:
    await shop.rules(PRICE, account="acc_new")
    message = await shop.a_message("多少钱", account="acc_new")

    await shop.tell(message)
    assert await shop.texts() == []
    await shop.policy(account="acc_new", drained=False)
    await shop.tell(message)  # nobody acknowledged it, so it comes again

    assert await shop.texts() == ["99 元"]


async def test_a_message_before_quota_has_the_policy_waits_and_holds_up_nobody(shop: Shop) -> None:
    await shop.rules(PRICE)
    await shop.rules(PRICE, account="acc_new")
    await shop.policy(account="acc_new", only="direct_messages")
    early = await shop.a_message("多少钱", account="acc_new", fan="early")

    await shop.tell(early, await shop.a_message("多少钱"))
    assert [r["open_id"] for r in await shop.requests()] == [FAN]
    assert await shop.attempts() == 0

    await shop.policy(account="acc_new")
    await shop.tell(early)
    assert [r["open_id"] for r in await shop.requests()] == [FAN, "early"]


async def test_a_follow_before_quota_has_the_policy_is_thanked_for_afterwards(shop: Shop) -> None:
    await shop.rules(THANKS, account="acc_new")
    await shop.policy(account="acc_new", only="direct_messages")
    await shop.tell(await shop.an_entry(account="acc_new"))
    follow = shop.a_follow(1, await shop.world.now(), account="acc_new")

    await shop.tell(follow)
    assert await shop.texts() == []
    await shop.policy(account="acc_new")
    await shop.tell(follow)

    assert await shop.texts() == ["感谢关注"]


async def test_what_quota_breaks_over_is_tried_alone_and_holds_up_no_other_account(
    shop: Shop,
) -> None:
    await shop.rules(PRICE)
    await shop.rules(PRICE, account="acc_odd")
    await shop.policy(account="acc_odd")
    spoil = "UPDATE quota.policy SET \"values\" = '{}' WHERE account_id = 'acc_odd'"
    await shop.world.sql(spoil)
    odd = await shop.a_message("多少钱", account="acc_odd", fan="odd")

    await shop.tell(await shop.a_message("多少钱"), odd, await shop.a_message("多少钱", fan="two"))

    assert sorted(r["open_id"] for r in await shop.requests()) == sorted([FAN, "two"])
    assert await shop.attempts() == 1, "the one that quota breaks over, alone"


async def test_an_account_that_nobody_knows_holds_up_no_other(shop: Shop) -> None:
    await shop.rules(PRICE)
    stranger = await shop.a_message("多少钱", account="acc_ghost", fan="somebody")

    await shop.tell(stranger, await shop.a_message("多少钱"))
    await shop.says("多少钱", fan="another")

    assert await shop.texts() == ["99 元", "99 元"]
    assert await shop.attempts() == 0, "the stranger waits, however long"


async def test_what_quota_refuses_is_decided_and_not_sent(shop: Shop) -> None:
    await shop.policy(dm__reply__limit=2)  # all of it is kept for people
    await shop.rules(PRICE)

    await shop.says("多少钱")

    assert await shop.texts() == []
    story = await shop.story()
    assert story["outcome"] == "refused"
    assert story["quota"]["denied"]["reason"] == "exhausted"
    assert (story["quota"]["denied"]["used"], story["quota"]["granted"]) == (0, None)
    assert story["items"] == []


async def test_a_refused_default_reply_may_be_tried_with_the_next_message(shop: Shop) -> None:
    await shop.policy(dm__reply__limit=2)
    await shop.rules(DEFAULT)

    await shop.says("在吗")
    await shop.policy()
    path = f"/v1/conversations/{(await shop.conversation())['id']}/owner"
    await shop.call("PUT", path, {"owner": "bot"}, if_match="*")  # what was left was for people
    await shop.says("在吗?")

    assert await shop.outcomes() == ["refused", "replied"]


async def test_an_old_message_is_kept_and_not_answered(shop: Shop) -> None:
    await shop.rules(PRICE)
    old = await shop.world.now() - timedelta(hours=24, seconds=1)

    await shop.says("多少钱", at=old)

    assert await shop.outcomes() == ["window_expired"]
    assert await shop.texts() == []


@pytest.mark.parametrize("text", ["🐉🧨多少钱👨‍👩‍👧‍👦", "\x00多少钱\x00", "多少钱" + "长" * 5000])
async def test_no_text_breaks_anything(shop: Shop, text: str) -> None:
    await shop.rules(PRICE)

    await shop.says(text)

    assert await shop.texts() == ["99 元"]
    story = await shop.story()
    assert story["inbound"]["text"] == text.replace("\x00", "\ufffd")


async def test_an_image_gets_the_default_reply(shop: Shop) -> None:
    await shop.rules(PRICE, DEFAULT)

    await shop.says(None)

    assert await shop.texts() == ["稍后回复您"]


async def test_an_entry_is_greeted_once_a_day_within_its_window(shop: Shop) -> None:
    await shop.rules(GREETING)
    now = await shop.world.now()

    await shop.enters(at=now - timedelta(seconds=31))
    await shop.enters()
    await shop.enters()
    await shop.world.advance(timedelta(hours=24))
    await shop.enters()

    assert await shop.outcomes() == ["window_expired", "replied", "greeting_waits", "replied"]
    first, _ = await shop.requests()
    assert first["scene"] == "im_enter_direct_msg"
    assert first["reply_to"] == "@enter0002=="


async def test_a_follow_opens_no_context_of_its_own(shop: Shop) -> None:
    await shop.rules(THANKS)
    now = await shop.world.now()

    await shop.tell(shop.a_follow(1, now))
    assert await shop.outcomes() == ["no_reply_context"]

    await shop.enters()
    await shop.tell(shop.a_follow(2, now + timedelta(seconds=1)))
    await shop.tell(shop.a_follow(3, now + timedelta(seconds=2)))

    assert await shop.outcomes() == ["no_reply_context", "no_match", "replied", "follow_answered"]
    (request,) = await shop.requests()
    assert request["texts"] == ["感谢关注"]
    assert request["reply_to"] == "@enter0001=="


async def test_only_the_newest_follow_fact_is_kept(shop: Shop) -> None:
    now = await shop.world.now()
    later, sooner = now, now - timedelta(hours=1)

    await shop.tell(shop.a_follow(2, later), shop.a_follow(1, sooner, follows=False))
    await shop.tell(shop.a_follow(1, sooner, follows=False))
    await shop.says("在吗")

    story = await shop.story()
    assert story["fan"] == {
        "open_id": FAN,
        "follows": True,
        "observed_at": story["fan"]["observed_at"],
        "epoch": 2,
        "tier": None,
    }


async def test_an_unknown_fan_counts_as_not_following_and_is_recorded_as_unknown(
    shop: Shop,
) -> None:
    await shop.rules(PRICE)

    await shop.says("多少钱")

    assert (await shop.story())["fan"]["follows"] is None
    assert await shop.held() == 1  # the limit of those who do not follow applies


async def test_a_person_owns_after_the_notice_and_gives_back_by_silence(shop: Shop) -> None:
    await shop.rules(PRICE, PERSON)

    await shop.says("我要人工")
    await shop.says("多少钱")
    owned = await shop.conversation()
    await shop.world.advance(timedelta(minutes=15, seconds=1))
    given_back = await shop.conversation()
    await shop.says("多少钱")

    assert await shop.texts() == ["正在转接人工客服", "99 元"]
    assert await shop.outcomes() == ["replied", "person_owns", "replied"]
    assert (owned["owner"], owned["owner_reason"]) == ("person", "hand_off_rule")
    assert (given_back["owner"], given_back["owner_reason"]) == ("bot", "person_idle")


async def test_seven_questions_in_a_minute_get_six_answers_and_a_person(shop: Shop) -> None:
    await shop.rules(PRICE)

    for _ in range(7):
        await shop.says("多少钱")

    assert len(await shop.texts()) == 6
    assert (await shop.outcomes())[-1] == "loop_guard"
    assert (await shop.conversation())["owner_reason"] == "loop_guard"


async def test_two_workers_with_one_fan_decide_one_after_the_other(shop: Shop) -> None:
    await shop.rules(DEFAULT)
    told = [await shop.a_message("在吗") for _ in range(6)]

    await shop.handle_at_once(*told)

    assert await shop.texts() == ["稍后回复您"]
    assert sorted(await shop.outcomes()) == ["default_waits"] * 5 + ["replied"]
