"""What is decided: owners, intervals, windows, the loop guard."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.direct_messages.domain.cases import Decision, Inbound, Outcome
from services.direct_messages.domain.conversations import Conversation, Owner, Reason
from services.direct_messages.domain.decisions import decide, withdraw
from services.direct_messages.domain.items import TextReply, wording
from services.direct_messages.domain.records import record_of
from services.direct_messages.domain.rules import Mode, Rule, Trigger
from tests.unit.direct_messages.cases import (
    NOW,
    TALK,
    a_case,
    a_follow,
    a_message,
    an_entry,
    contains,
    exact,
    on,
)

PRICE = contains("price", "多少钱")
PERSON = contains("person", "人工", hand_off=True)
DEFAULT, GREETING, THANKS = on(Trigger.DEFAULT), on(Trigger.ENTER), on(Trigger.FOLLOW)
SECOND, MINUTE, HOUR, DAY = (timedelta(**{n: 1}) for n in ("seconds", "minutes", "hours", "days"))


def decided(inbound: Inbound, *rules: Rule, **changed: Any) -> Decision:
    return decide(a_case(inbound, *rules, **changed))


def owned(**changed: Any) -> Conversation:
    return replace(TALK, owner=Owner.PERSON, owner_since=NOW - 10 * MINUTE, **changed)


def test_a_message_is_answered_in_its_own_context() -> None:
    decision = decided(a_message("多少钱"), PRICE)
    assert decision.outcome is Outcome.REPLIED
    assert decision.context is not None
    assert (decision.context.opened_by, decision.context.expires_at) == ("@msg1==", NOW + DAY)


def test_a_message_that_comes_late_is_answered_and_the_newest_stays_the_context() -> None:
    talk = replace(TALK, last_inbound_id="@new==", last_inbound_at=NOW)
    decision = decided(a_message("多少钱", NOW - HOUR), PRICE, conversation=talk)
    assert decision.context is not None
    assert decision.context.opened_by == "@msg1=="
    assert decision.after.last_inbound_id == "@new=="


def test_while_a_person_owns_the_bot_is_silent() -> None:
    for inbound in (a_message("多少钱"), an_entry(), a_follow(1)):
        decision = decided(inbound, PRICE, GREETING, THANKS, conversation=owned())
        assert decision.outcome is Outcome.PERSON_OWNS


@pytest.mark.parametrize(
    ("person", "fan", "owner"),
    [
        (None, None, Owner.PERSON),  # taken 10 minutes ago
        (None, NOW - 15 * MINUTE, Owner.PERSON),
        (NOW - MINUTE, NOW - 20 * MINUTE, Owner.PERSON),
    ],
)
def test_a_person_keeps_the_conversation_while_it_lives(
    person: datetime | None, fan: datetime | None, owner: Owner
) -> None:
    talk = owned(last_person_at=person, last_inbound_at=fan)
    assert decided(a_message("x"), conversation=talk).after.owner is owner


def test_after_15_silent_minutes_the_bot_answers_again() -> None:
    talk = replace(owned(last_inbound_at=NOW - 15 * MINUTE), owner_since=NOW - HOUR)
    decision = decided(a_message("多少钱"), PRICE, conversation=talk)
    assert decision.outcome is Outcome.REPLIED
    assert decision.after.owner_reason is Reason.PERSON_IDLE
    just_before = decided(a_message("多少钱"), PRICE, conversation=talk, now=NOW - SECOND)
    assert just_before.outcome is Outcome.PERSON_OWNS


def test_a_hand_off_rule_sends_its_notice_and_gives_the_conversation_to_a_person() -> None:
    decision = decided(a_message("我要人工"), PERSON, PRICE)
    assert [wording(item) for item in decision.items] == ["99"]
    assert (decision.after.owner, decision.after.owner_reason) == (
        Owner.PERSON,
        Reason.HAND_OFF_RULE,
    )


@pytest.mark.parametrize("text", ["人工", "转人工", "我要投诉!", "怎么退款"])
def test_a_hand_off_word_outranks_every_rule_even_without_one_of_its_own(text: str) -> None:
    decision = decided(a_message(text), exact("exact", text), contains("c", text), DEFAULT)
    assert decision.outcome is Outcome.HANDED_OVER
    assert decision.items == ()
    assert decision.after.owner_reason is Reason.HAND_OFF_WORD


@pytest.mark.parametrize(
    ("before", "outcome"),
    [
        (None, Outcome.REPLIED),
        (NOW - DAY + SECOND, Outcome.DEFAULT_WAITS),
        (NOW - DAY, Outcome.REPLIED),
    ],
)
def test_the_default_reply_goes_once_in_24_hours(before: datetime | None, outcome: Outcome) -> None:
    talk = replace(TALK, last_default_at=before)
    assert decided(a_message("在吗"), PRICE, DEFAULT, conversation=talk).outcome is outcome


def test_without_any_rule_nothing_happens() -> None:
    assert decided(a_message("在吗"), PRICE).outcome is Outcome.NO_MATCH
    assert decided(an_entry(), PRICE).outcome is Outcome.NO_MATCH
    assert decided(a_follow(1), PRICE).outcome is Outcome.NO_MATCH


@pytest.mark.parametrize(
    ("entered", "greeted", "outcome"),
    [
        (NOW, None, Outcome.REPLIED),
        (NOW - 29 * SECOND, None, Outcome.REPLIED),
        (NOW - 30 * SECOND, None, Outcome.WINDOW_EXPIRED),
        (NOW, NOW - DAY + SECOND, Outcome.GREETING_WAITS),
        (NOW, NOW - DAY, Outcome.REPLIED),
    ],
)
def test_a_greeting_goes_once_in_24_hours_and_within_30_seconds(
    entered: datetime, greeted: datetime | None, outcome: Outcome
) -> None:
    talk = replace(TALK, last_greeting_at=greeted)
    assert decided(an_entry(entered), GREETING, conversation=talk).outcome is outcome


@pytest.mark.parametrize(
    ("state", "epoch", "outcome"),
    [
        ({}, 1, Outcome.NO_REPLY_CONTEXT),
        ({"last_inbound_id": "@m", "last_inbound_at": NOW - DAY}, 1, Outcome.NO_REPLY_CONTEXT),
        ({"last_inbound_id": "@m", "last_inbound_at": NOW - HOUR}, 1, Outcome.REPLIED),
        ({"enter_id": "@e", "entered_at": NOW - 29 * SECOND}, 1, Outcome.REPLIED),
        ({"enter_id": "@e", "entered_at": NOW - 30 * SECOND}, 1, Outcome.NO_REPLY_CONTEXT),
        ({"follow_epoch": 1}, 1, Outcome.FOLLOW_ANSWERED),
        ({"follow_epoch": 1, "last_follow_reply_at": NOW - 29 * DAY}, 2, Outcome.FOLLOW_ANSWERED),
        (
            {
                "follow_epoch": 1,
                "last_follow_reply_at": NOW - 30 * DAY,
                "enter_id": "@e",
                "entered_at": NOW,
            },
            2,
            Outcome.REPLIED,
        ),
    ],
)
def test_a_follow_is_thanked_once_an_epoch_and_only_in_somebody_elses_context(
    state: dict[str, Any], epoch: int, outcome: Outcome
) -> None:
    decision = decided(a_follow(epoch), THANKS, conversation=replace(TALK, **state))
    assert decision.outcome is outcome
    if outcome is Outcome.REPLIED:
        assert decision.after.follow_epoch == epoch


@pytest.mark.parametrize(
    ("inbound", "state", "outcome"),
    [
        (a_follow(1), {}, Outcome.NO_REPLY_CONTEXT),
        (a_follow(1), {"follow_epoch": 1}, Outcome.FOLLOW_ANSWERED),
        (a_follow(1), {"last_inbound_id": "@m==", "last_inbound_at": NOW}, Outcome.REPLIED),
        (an_entry(), {"last_greeting_at": NOW - HOUR}, Outcome.GREETING_WAITS),
        (an_entry(), {}, Outcome.REPLIED),
        (a_message("？"), {"last_default_at": NOW - HOUR}, Outcome.DEFAULT_WAITS),
        (a_message("？"), {}, Outcome.REPLIED),
    ],
)
def test_whatever_comes_of_it_the_trace_names_the_rule_and_why_it_lost(
    inbound: Inbound, state: dict[str, Any], outcome: Outcome
) -> None:
    talk = replace(TALK, **state)
    decision = decided(inbound, DEFAULT, GREETING, THANKS, conversation=talk)
    assert decision.outcome is outcome
    (candidate,) = record_of(decision)["candidates"]
    assert candidate["lost"] == (None if decision.rule else outcome)


def test_a_message_is_the_better_context_of_a_follow() -> None:
    state: dict[str, Any] = {
        "enter_id": "@e",
        "entered_at": NOW,
        "last_inbound_id": "@m",
        "last_inbound_at": NOW,
    }
    decision = decided(a_follow(1), THANKS, conversation=replace(TALK, **state))
    assert decision.context is not None
    assert decision.context.opened_by == "@m"


def test_two_bots_wired_together_stop_after_six_sends() -> None:
    ours, theirs, sends, now = TALK, replace(TALK, id="conv_2"), 0, NOW
    rule = contains("echo", "你好", replies=(TextReply("你好"),))
    for number in range(50):
        ours_turn = number % 2 == 0
        talk = ours if ours_turn else theirs
        decision = decided(a_message("你好", now, number), rule, conversation=talk, now=now)
        if ours_turn:
            ours, sends = decision.after, sends + len(decision.items)
        else:
            theirs = decision.after
        if not decision.items:
            break
        now += SECOND
    assert sends <= 6
    assert {ours.owner_reason, theirs.owner_reason} == {None, Reason.LOOP_GUARD}


def test_six_sends_in_a_minute_pass_and_the_seventh_goes_to_a_person() -> None:
    talk = replace(TALK, auto_sent_at=(NOW - 59 * SECOND,) * 5)
    sixth = decided(a_message("多少钱"), PRICE, conversation=talk)
    seventh = decided(a_message("多少钱"), PRICE, conversation=sixth.after)
    a_minute_later = decided(
        a_message("多少钱", NOW + MINUTE), PRICE, conversation=sixth.after, now=NOW + MINUTE
    )
    assert [d.outcome for d in (sixth, seventh, a_minute_later)] == [
        Outcome.REPLIED,
        Outcome.LOOP_GUARD,
        Outcome.REPLIED,
    ]


def test_ten_messages_in_a_minute_pass_and_the_eleventh_goes_to_a_person() -> None:
    talk, outcomes = TALK, []
    for number in range(11):
        at = NOW + number * SECOND
        decision = decided(a_message("x", at, number), conversation=talk, now=at)
        talk = decision.after
        outcomes.append(decision.outcome)
    assert outcomes == [Outcome.NO_MATCH] * 10 + [Outcome.LOOP_GUARD]
    assert len(talk.inbound_at) <= 11


def test_a_rule_sends_at_most_three_items() -> None:
    five = contains("many", "多少钱", replies=tuple(TextReply(str(n)) for n in range(5)))
    assert [wording(i) for i in decided(a_message("多少钱"), five).items] == ["0", "1", "2"]


def test_one_of_many_depends_on_the_seed_alone_and_uses_them_all() -> None:
    replies = tuple(TextReply(str(n)) for n in range(5))
    rule = contains("many", "多少钱", mode=Mode.RANDOM_ONE, replies=replies)
    seeds = [f"evt_{n}" for n in range(200)]
    first = [decided(a_message("多少钱"), rule, seed=s).items for s in seeds]
    again = [decided(a_message("多少钱"), rule, seed=s).items for s in seeds]
    assert first == again
    assert {wording(items[0]) for items in first} == {"0", "1", "2", "3", "4"}
    assert all(len(items) == 1 for items in first)


def test_what_quota_refuses_counts_for_nothing_but_a_hand_off_stays() -> None:
    default = decided(a_message("在吗"), DEFAULT)
    assert withdraw(default.after, default).last_default_at is None
    assert withdraw(default.after, default).auto_sent_at == ()
    person = decided(a_message("人工"), PERSON)
    assert withdraw(person.after, person).owner is Owner.PERSON


def test_the_trace_says_why_the_others_lost() -> None:
    rules = [
        exact("exact", "多少钱"),
        contains("longest", "少钱"),
        contains("older", "多", age=2, priority=1),
        contains("newer", "钱", age=1, priority=1),
        contains("lower", "多", "钱"),
    ]
    record = record_of(decided(a_message("多少钱"), *rules))
    assert [(c["rule_id"], c["lost"]) for c in record["candidates"]] == [
        ("exact", None),
        ("longest", "earlier_step"),
        ("older", "earlier_step"),
        ("newer", "earlier_step"),
        ("lower", "earlier_step"),
    ]
    record = record_of(decided(a_message("少钱多多"), *rules))
    assert [(c["rule_id"], c["lost"]) for c in record["candidates"]] == [
        ("longest", None),
        ("older", "longer_match"),
        ("newer", "longer_match"),
        ("lower", "longer_match"),
    ]
    record = record_of(decided(a_message("多"), *rules))
    assert [(c["rule_id"], c["lost"]) for c in record["candidates"]] == [
        ("older", None),
        ("lower", "higher_priority"),
    ]
    record = record_of(decided(a_message("钱 多"), *rules))
    assert ("newer", "older_rule") in [(c["rule_id"], c["lost"]) for c in record["candidates"]]
