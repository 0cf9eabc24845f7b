"""The invariants of a fault run: histories of those outside against the platform's record.

Our own tables are asked for reasons only: why a message was not answered, what is still in doubt.
Each complaint begins with the number of the invariant that is broken.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from tests.faults.callers import Told, Written
from tests.faults.stories import QUEUE_NOTICE
from tests.faults.tenants import CANARY, OTHER, REPLIES
from tests.faults.traffic import HANDS_OVER, History

CAP = 6  # messages in the window of somebody who does not follow
_FOR_PEOPLE = 2  # of them, which the bot leaves
_UNDER_WAY = (
    120.0  # seconds for which a message may be on its way when the clock is moved past its window
)
_MADE_KNOWN = (
    30.0  # seconds before it is posted the platform may know of a message, and count its window
)
_APART = 40.0  # seconds after which no redelivery of ours can turn two messages round
Sent = Mapping[str, Any]
Story = Mapping[str, Any]

# The same words to the same fan are in doubt: until their window ends, they are not said again.
IN_DOUBT = """EXISTS (SELECT 1 FROM douyin.attempt u WHERE u.conversation_id = a.conversation_id
  AND u.content_hash = a.content_hash AND u.state = 'unknown' AND NOT u.content_freed)"""
STORY = f"""
SELECT i.dedupe_key AS message_id, i.id AS cause, i.state AS taken, d.outcome, d.quota,
  d.operation_id, a.state AS attempt, a.reason, a.msg_id, a.attempts, a.waits,
  extract(epoch FROM d.decided_at - i.received_at) AS took
FROM douyin.inbound i
LEFT JOIN direct_messages.message m ON m.platform_message_id = i.dedupe_key AND m.direction = 'in'
LEFT JOIN direct_messages.decision d ON d.message_id = m.id
LEFT JOIN (SELECT cause, max(state) AS state, max(reason) AS reason, max(msg_id) AS msg_id,
  count(*) AS attempts, bool_or(state = 'queued' AND {IN_DOUBT}) AS waits
  FROM douyin.attempt a GROUP BY cause) a ON a.cause = i.id
WHERE i.event = 'im_receive_msg' AND i.dedupe_key LIKE $1
"""
# Written anew on purpose: the product's own drift check may have the same mistake as its counters.
DRIFT = """
SELECT b.subject, b.limit_key, b.used, b.held, l.used AS ledger_used, l.held AS ledger_held
FROM quota.bucket b LEFT JOIN (
  SELECT account_id, limit_key, subject, slot, window_id,
    sum(CASE entry WHEN 'committed' THEN units ELSE 0 END) AS used,
    sum(CASE entry WHEN 'held' THEN units ELSE -units END) AS held
  FROM quota.ledger GROUP BY 1, 2, 3, 4, 5) l
USING (account_id, limit_key, subject, slot, window_id)
WHERE b.used <> coalesce(l.used, 0) OR b.held <> coalesce(l.held, 0)
  OR (b.cap IS NOT NULL AND b.used + b.held > b.cap)
"""
# Every window there ever was; a bucket knows only the newest of its fan, and must agree with these (DRIFT).
# What is in doubt is held until a quarter of an hour after its window ended: it may have been accepted.
WINDOWS = """
SELECT subject, window_id, sum(CASE entry WHEN 'committed' THEN units ELSE 0 END) AS used,
  sum(CASE WHEN entry = 'held' THEN units WHEN reason = 'window_ended' THEN 0 ELSE -units END) AS held
FROM quota.ledger WHERE limit_key = 'dm.reply' AND window_id LIKE $1 GROUP BY 1, 2
"""
# Sends in the order in which each conversation asked for them. One that was in doubt may have been
# on its way for longer than we waited.
POSITIONS = """
SELECT msg_id, position FROM douyin.attempt
WHERE msg_id IS NOT NULL AND reason IS DISTINCT FROM 'echo' AND cause IN (
  SELECT id FROM douyin.inbound WHERE event = 'im_receive_msg' AND dedupe_key LIKE $1)
"""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is held against each other, at rest."""

    history: History
    sent: Sequence[Sent]
    stories: Mapping[str, Story]
    written: Written = field(default_factory=Written)
    told: Told = field(default_factory=Told)

    def is_of_a_person(self, one: Sent) -> bool:
        """Whether somebody wrote this by the API."""
        return text_of(one) in self.written.texts

    def by_bot(self) -> list[Sent]:
        """What rules answered."""
        return [one for one in self.sent if not self.is_of_a_person(one) and not is_notice(one)]


def text_of(one: Sent) -> str:
    """What an accepted message says."""
    return str(one["content"]["text"]["text"])


def is_notice(one: Sent) -> bool:
    """Whether it tells a fan that all agents are busy."""
    return QUEUE_NOTICE in text_of(one)


def wanted(history: History) -> dict[tuple[str, str], list[str]]:
    """(fan, reply) → the messages of that fan which want it. Which window a reply leaves in is ours."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for message_id, said in history.said.items():
        reply = REPLIES[said.inbound.shop.open_id][said.rule]
        found[said.inbound.fan, reply].append(message_id)
    return found


def nothing_lost(facts: Facts) -> Iterator[str]:
    """I1: what was acknowledged is handled, and what was decided on it makes sense."""
    accepted = {one["msg_id"] for one in facts.sent}
    said = facts.history.said
    handed_over = {s.inbound.fan for s in said.values() if s.rule == HANDS_OVER}
    # what is left of a fan's budget is for people: she was handed over as the bot was refused
    refused = [m for m, row in facts.stories.items() if row["outcome"] == "refused"]
    handed_over |= {said[message_id].inbound.fan for message_id in refused if message_id in said}
    for message_id in said:
        if message_id not in facts.history.acknowledged:
            yield f"I1 {message_id} was never acknowledged"
    for message_id in facts.history.acknowledged:
        row = facts.stories.get(message_id)
        if row is None or row["outcome"] is None:
            yield f"I1 {message_id} was acknowledged and not handled: {row}"
        elif row["outcome"] == "replied":
            yield from _unexplained(message_id, row, accepted)
        elif row["attempts"]:
            yield f"I2 {message_id} was answered though decided {row['outcome']}"
        else:
            is_with_people = said[message_id].inbound.fan in handed_over
            yield from _silent(facts.history, message_id, row, is_with_people)


def _silent(history: History, message_id: str, row: Story, is_handed_over: bool) -> Iterator[str]:
    """No reply was decided: a person answers, quota refused, or it was too late for one."""
    if row["outcome"] == "person_owns":
        if not is_handed_over:
            yield f"I1 {message_id}: nobody handed this fan over"
    elif row["outcome"] == "window_expired":
        since = history.tried[message_id]
        if not any(at - _UNDER_WAY < since < at for at in history.jumps):
            yield f"I1 {message_id} was answered too late, and no clock was moved"
    elif row["outcome"] != "refused":
        yield f"I1 {message_id} should have been answered: {row['outcome']}"


def _unexplained(message_id: str, row: Story, accepted: AbstractSet[str]) -> Iterator[str]:
    """A reply was decided: it was accepted and we know, or there is a reason why it was not.

    One reason is that the same words to this fan are in doubt.
    """
    if row["attempts"] != 1:
        yield f"I1 {message_id} has {row['attempts']} attempts"
    elif row["attempt"] == "sent":
        if row["msg_id"] not in accepted:
            yield f"I2 {message_id} is called sent, but the platform has never seen it"
    elif row["attempt"] == "queued" and row["waits"]:
        return
    elif row["attempt"] not in {"unknown", "failed"} or not row["reason"]:
        yield f"I1 {message_id} got no answer and no reason: {row['attempt']} ({row['reason']})"


def nothing_doubled(facts: Facts) -> Iterator[str]:
    """I2: one message of a fan, at most one reply of the bot; one text of a person, sent once."""
    messages = wanted(facts.history)
    replies = Counter((one["to_user_id"], text_of(one)) for one in facts.by_bot())
    for reply, count in replies.items():
        if count > len(messages[reply]):
            yield f"I2 {messages[reply]} got {count} times {reply[1]!r}"
    by_people = (one for one in facts.sent if facts.is_of_a_person(one))
    for text, count in Counter(map(text_of, by_people)).items():
        if count > 1:
            yield f"I2 {text!r} was sent {count} times"


def nothing_failed_was_accepted(facts: Facts) -> Iterator[str]:
    """I2: what we call failed, the platform has not accepted."""
    messages = wanted(facts.history)
    replies = Counter((one["to_user_id"], text_of(one)) for one in facts.by_bot())
    for reply, count in replies.items():
        rows = [facts.stories[m] for m in messages[reply] if m in facts.stories]
        if count > sum(row["attempt"] in {"sent", "unknown"} for row in rows):
            yield f"I2 {messages[reply]} was accepted, but is {[row['attempt'] for row in rows]}"


def nothing_over_quota(facts: Facts) -> Iterator[str]:
    """I3: the platform, which was told not to refuse, counts no more than the cap in any window."""
    windows = Counter((one["to_user_id"], one["reply_to_msg_id"]) for one in facts.sent)
    for (fan, opened_by), count in windows.items():
        if count > CAP:
            yield f"I3 {count} messages to {fan} in the window of {opened_by}"


def refused_for_a_reason(facts: Facts, refusals: int) -> Iterator[str]:
    """I3: quota says no where what the bot may use is used or held, or where the window is over.

    `refusals` is how often the platform was ordered to refuse, which may close a window.
    """
    over = {"window_expired"} if facts.history.jumps else set[str]()
    over |= {"closed_by_platform"} if refusals else set[str]()
    for message_id, row in facts.stories.items():
        if row["outcome"] != "refused":
            continue
        denied = (json.loads(row["quota"] or "null") or {}).get("denied") or {}
        taken, reason = denied.get("used", 0) + denied.get("held", 0), denied.get("reason")
        is_full = denied.get("cap") == CAP - _FOR_PEOPLE <= taken
        if reason not in over and not (reason == "exhausted" and is_full):
            yield f"I3 {message_id} was refused for nothing: {denied}"


def failed_for_a_reason(facts: Facts, refusals: int) -> Iterator[str]:
    """I1: a send fails when its window ends, its owner withdraws, or as often as the platform was ordered to refuse."""
    history, others = facts.history, Counter[str]()
    for message_id, row in facts.stories.items():
        if row["attempt"] != "failed":
            continue
        since, shop = history.tried[message_id], history.said[message_id].inbound.shop
        is_old = any(since < at + _MADE_KNOWN for at in history.jumps)
        is_over = row["reason"] == "window_expired" and is_old
        is_withdrawn = row["reason"] == "not_authorised" and shop.open_id in history.withdrawn
        others[str(row["reason"])] += not is_over and not is_withdrawn
    if others.total() > refusals:
        yield f"I1 {dict(others)} failed, and the platform was ordered to refuse {refusals}"


def nothing_forgotten(facts: Facts, windows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """I4: what the platform accepted in a window is held or used there, and nothing else is used."""
    accepted = Counter((one["to_user_id"], one["reply_to_msg_id"]) for one in facts.sent)
    for window in windows:
        count = accepted.pop((window["subject"], window["window_id"]), 0)
        if not window["used"] <= count <= window["used"] + window["held"]:
            yield f"I4 the platform accepted {count} in the window of {dict(window)}"
    for (fan, opened_by), count in accepted.items():
        yield f"I4 {count} messages to {fan} in the window of {opened_by}, which quota never counted"


def doubted_for_a_reason(
    left: Iterable[str], echoed: AbstractSet[str], taken: Mapping[str, str]
) -> Iterator[str]:
    """I4: what was accepted is in doubt only where no echo can tell.

    That is where its own was withheld, or was `taken` for that of the same words which were answered
    with another id, and whose own was withheld: nobody can know that the ids are equal there.
    """
    for message_id in left:
        if message_id not in echoed:
            continue
        answered = taken.get(message_id)
        if answered is None or answered in echoed:
            yield f"I4 {message_id} is in doubt though its echo came ({answered} has it)"


def nobody_mixed_up(facts: Facts) -> Iterator[str]:
    """I9: everybody gets the words of the account that was written to, and only what was asked for."""
    messages = wanted(facts.history)
    for one in facts.sent:
        said = facts.history.said[one["reply_to_msg_id"]].inbound
        text, shop = text_of(one), said.shop.open_id
        if (one["to_user_id"], one["open_id"]) != (said.fan, shop):
            yield f"I9 {said.message_id} was answered to somebody else, or by another shop"
        elif is_notice(one):
            if shop != OTHER.open_id:
                yield f"I9 {said.message_id} was told of agents whom its shop does not have"
        elif (CANARY in text) != (shop == OTHER.open_id):
            yield f"I9 {said.message_id} got the words of another shop"
        elif not facts.is_of_a_person(one) and (said.fan, text) not in messages:
            yield f"I1 {said.fan} never asked for {text!r}"


def in_order(facts: Facts, positions: Mapping[str, int]) -> Iterator[str]:
    """I10: in a conversation, sends leave as they were asked for, and replies as messages came."""
    conversations: dict[str, list[Sent]] = defaultdict(list)
    for one in facts.sent:
        conversations[one["conversation_id"]].append(one)
    tried, acknowledged = facts.history.tried, facts.history.acknowledged
    messages = wanted(facts.history)
    for conversation, sent in conversations.items():
        known = [positions[one["msg_id"]] for one in sent if one["msg_id"] in positions]
        if known != sorted(known):
            yield f"I10 the sends of {conversation} left in another order than they were asked for"
        asked = [messages.get((one["to_user_id"], text_of(one)), []) for one in sent]
        causes = [found[0] for found in asked if len(found) == 1]
        for earlier, later in pairwise(causes):
            # one that was carried again and again, or waited in a backlog, is late; nothing waits for it
            if (facts.stories.get(later, {}).get("took") or 0) > _APART:
                continue
            if acknowledged.get(later, 0) + _APART < tried.get(earlier, 0):
                yield f"I10 {later} came long before {earlier} and was answered after it"


def one_effect_a_key(facts: Facts) -> Iterator[str]:
    """I11: one key, one final answer that says "accepted", one operation."""
    yield from (f"I11 {wrong}" for wrong in facts.written.wrong)
    sent = set(map(text_of, facts.sent))
    for text, answers in facts.written.answers.items():
        operations = {operation for status, operation in answers if status == 202}
        if len(operations) > 1:
            yield f"I11 the key of {text!r} got {len(operations)} operations"
        if text in sent and not operations and len(answers) > 1:
            yield f"I11 {text!r} was sent, and its key was only refused"


def refused_for_nothing(history: History) -> Iterator[str]:
    """What is signed and right is never answered 4xx."""
    for answer, count in history.answers.items():
        if answer.startswith("4"):
            yield f"I1 {count} deliveries were refused with {answer}"
