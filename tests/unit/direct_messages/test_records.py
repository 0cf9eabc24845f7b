"""A decision can be made again from its record, for ever."""

from dataclasses import replace
from datetime import timedelta

import orjson
from hypothesis import given
from hypothesis import strategies as st

from services.direct_messages.domain.cases import FanFacts, Inbound
from services.direct_messages.domain.conditions import Conditions, Tier
from services.direct_messages.domain.conversations import Conversation, Owner, Reason, Source
from services.direct_messages.domain.decisions import decide
from services.direct_messages.domain.items import TextReply
from services.direct_messages.domain.records import decide_again, record_of
from services.direct_messages.domain.rules import Mode, Trigger
from tests.unit.direct_messages.cases import (
    NOW,
    POLICY,
    TALK,
    a_case,
    a_follow,
    a_message,
    a_wait,
    an_entry,
    compiled,
    contains,
    exact,
    on,
    pattern,
)

REPLIES = tuple(TextReply(str(n)) for n in range(3))
RULES = (
    exact("exact", "在吗", mode=Mode.RANDOM_ONE, replies=REPLIES),
    contains("contains", "钱", "价", mode=Mode.RANDOM_ONE, replies=REPLIES),
    contains("person", "人工", hand_off=True),
    pattern("re2", r"\d{3,}", replies=REPLIES),
    on(Trigger.DEFAULT),
    on(Trigger.ENTER, "from ads", conditions=Conditions(sources=(Source.AD,)), age=1),
    contains("fans", "在", conditions=Conditions(tiers=(Tier.GOODWILL,)), priority=1),
    on(Trigger.ENTER, mode=Mode.RANDOM_ONE, replies=REPLIES),
    on(Trigger.FOLLOW),
    on(Trigger.NO_ANSWER, mode=Mode.RANDOM_ONE, replies=REPLIES, after_minutes=5),
)
TIMES = st.one_of(
    st.none(), st.integers(0, 100_000).map(lambda s: NOW - timedelta(seconds=s, milliseconds=7))
)
RECENT = st.lists(st.integers(0, 90).map(lambda s: NOW - timedelta(seconds=s)), max_size=8)
SAYINGS = st.one_of(st.none(), st.text("在吗钱价人工退款1234 ", max_size=12))


@st.composite
def conversations(draw: st.DrawFn) -> Conversation:
    owner = draw(st.sampled_from(Owner))
    inbound, entered = draw(TIMES), draw(TIMES)
    return replace(
        TALK,
        owner=owner,
        owner_reason=draw(st.sampled_from([None, *Reason])),
        owner_since=draw(TIMES),
        last_person_at=draw(TIMES),
        last_inbound_id="@m" if inbound else None,
        last_inbound_at=inbound,
        enter_id="@e" if entered else None,
        entered_at=entered,
        source=draw(st.sampled_from([None, *Source])),
        last_default_at=draw(TIMES),
        last_greeting_at=draw(TIMES),
        follow_epoch=draw(st.one_of(st.none(), st.integers(1, 3))),
        last_follow_reply_at=draw(TIMES),
        inbound_at=tuple(draw(RECENT)),
        auto_sent_at=tuple(draw(RECENT)),
    )


@st.composite
def inbounds(draw: st.DrawFn) -> Inbound:
    at = NOW - timedelta(seconds=draw(st.integers(0, 100_000)))
    wait = a_wait(draw(st.integers(1, 60)), draw(st.integers(0, 9)), at)
    entry = replace(an_entry(at), source=draw(st.sampled_from([None, *Source])))
    kinds = [
        a_message(draw(SAYINGS), at),
        entry,
        a_follow(draw(st.integers(1, 4)), at),
        wait,
    ]
    return draw(st.sampled_from(kinds))


@given(inbounds(), conversations(), st.text(max_size=20), st.sampled_from([None, True, False]))
def test_the_record_decides_the_same_again(
    inbound: Inbound, talk: Conversation, seed: str, follows: bool | None
) -> None:
    tier = Tier.GOODWILL if len(seed) % 2 else None
    facts = FanFacts(
        follows, None if follows is None else NOW, None if follows is None else 2, tier
    )
    decision = decide(a_case(inbound, *RULES, conversation=talk, facts=facts, seed=seed))
    stored = orjson.loads(orjson.dumps(record_of(decision)))

    again = decide_again(stored, inbound.text, compiled(*reversed(RULES)), POLICY)

    assert again.case.conversation == talk
    assert (again.outcome, again.items, again.after) == (
        decision.outcome,
        decision.items,
        decision.after,
    )
    assert orjson.loads(orjson.dumps(record_of(again))) == stored


@given(inbounds(), conversations())
def test_a_decision_never_sends_more_than_it_may(inbound: Inbound, talk: Conversation) -> None:
    decision = decide(a_case(inbound, *RULES, conversation=talk))
    assert len(decision.items) <= POLICY.items_per_firing
    window = NOW - POLICY.loop_window
    assert not decision.items or sum(t > window for t in decision.after.auto_sent_at) <= 6
    assert (
        not decision.items
        or decision.case.conversation.owner is Owner.BOT
        or (decision.after.owner_reason in {Reason.PERSON_IDLE, Reason.HAND_OFF_RULE})
    )
