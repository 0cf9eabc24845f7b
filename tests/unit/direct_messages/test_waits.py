"""Rules for fans who wait: when each is due, which one fires, and that nobody who was answered is asked."""

from dataclasses import replace
from datetime import datetime, timedelta

from services.direct_messages.domain.cases import Outcome, Wait
from services.direct_messages.domain.conditions import Conditions
from services.direct_messages.domain.conversations import Owner, Reason
from services.direct_messages.domain.decisions import decide
from services.direct_messages.domain.reviewing import Doubt, review
from services.direct_messages.domain.rules import Rule, Trigger
from services.direct_messages.domain.waits import Waiter, ask_at, due, turned
from tests.unit.direct_messages.cases import NOW, POLICY, TALK, a_case, a_wait, on

SOON, LATE = (on(Trigger.NO_ANSWER, f"after {n}", after_minutes=n) for n in (5, 30))
ASKED = replace(TALK, last_inbound_id="@msg1==", last_inbound_at=NOW - timedelta(minutes=40))


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def turn(waiter: Waiter, minutes: float, *rules: Rule) -> tuple[Waiter, Wait | None]:
    return turned(waiter, rules or (SOON, LATE), POLICY, at(minutes))


WAITER = Waiter("dm_1", TALK, NOW, 0, is_answering=False)


def test_each_rule_is_due_once_and_none_before_its_time() -> None:
    early, nothing = turn(WAITER, 4.9)
    first, asked = turn(early, 5)
    again, still_nothing = turn(first, 29.9)
    second, asked_later = turn(again, 30)

    assert (nothing, still_nothing) == (None, None)
    assert (early.ask_at, first.ask_at, second.ask_at) == (at(5), at(30), None)
    assert asked == Wait(NOW, 0, 5)
    assert asked_later == Wait(NOW, 5, 30)
    assert turn(second, 500)[1] is None


def test_who_is_late_asks_once_and_the_longest_wait_first() -> None:
    after, wait = turn(WAITER, 120)
    assert wait == Wait(NOW, 0, 120)
    assert due([SOON, LATE], wait) == [LATE, SOON]
    assert after.ask_at is None


def test_a_rule_that_came_or_went_meanwhile_counts_as_it_is_now() -> None:
    assert turn(WAITER, 5, LATE) == (replace(WAITER, ask_at=at(30)), None)
    assert turned(WAITER, (), POLICY, at(5)) == (WAITER, None)
    assert ask_at([SOON, LATE], NOW, 5) == at(30)


def test_nobody_is_asked_while_a_person_owns_it_or_an_answer_is_on_its_way() -> None:
    with_person = replace(TALK, owner=Owner.PERSON, owner_since=NOW)
    owned = replace(WAITER, conversation=with_person)
    answering = replace(WAITER, is_answering=True)

    assert turn(owned, 6) == (replace(owned, ask_at=at(7)), None)
    assert turn(answering, 6) == (replace(answering, ask_at=at(7)), None)
    # whoever was silent for a quarter of an hour has let go
    assert turn(owned, 15)[1] == Wait(NOW, 0, 15)


def test_the_first_of_the_longest_whose_conditions_hold_answers_in_the_last_window() -> None:
    followers = on(
        Trigger.NO_ANSWER, "fans", after_minutes=30, conditions=Conditions(follows=True), age=1
    )
    decision = decide(a_case(a_wait(31), SOON, LATE, followers, conversation=ASKED))

    assert (decision.outcome, decision.rule) == (Outcome.REPLIED, LATE)
    assert decision.context
    assert decision.context.opened_by == "@msg1=="
    lost = [(found.rule.id, found.fails) for found in decision.found]
    assert lost == [("fans", "follows"), ("after 30", None)]


def test_what_was_asked_before_is_not_asked_again() -> None:
    decision = decide(a_case(a_wait(31, asked=30), SOON, LATE, conversation=ASKED))
    assert (decision.outcome, decision.rule) == (Outcome.NO_MATCH, None)


def test_an_answer_that_overtook_it_leaves_nothing_to_say() -> None:
    answered = replace(ASKED, auto_sent_at=(NOW - timedelta(seconds=2),))
    decision = decide(a_case(a_wait(5), SOON, conversation=answered))
    assert (decision.outcome, decision.items) == (Outcome.ANSWERED, ())


def test_a_person_who_has_it_silences_the_rule() -> None:
    owned = replace(ASKED, owner=Owner.PERSON, owner_since=NOW, owner_reason=Reason.SET_BY_PERSON)
    assert decide(a_case(a_wait(5), SOON, conversation=owned)).outcome == Outcome.PERSON_OWNS


def test_without_a_window_nothing_can_be_said() -> None:
    decision = decide(a_case(a_wait(5), SOON))
    assert (decision.outcome, decision.rule) == (Outcome.NO_REPLY_CONTEXT, SOON)


def test_only_rules_for_the_same_wait_stand_in_each_others_way() -> None:
    behind = on(Trigger.NO_ANSWER, "behind", after_minutes=5, priority=-1)
    found = review([SOON, LATE, behind])
    assert [(f.rule, f.doubt, f.by) for f in found] == [(behind, Doubt.UNREACHABLE, SOON)]
