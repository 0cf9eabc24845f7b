"""The invariants of menus, flows and hand-offs: what guests and agents saw against what was kept.

That a flow runs once and asks in order needs no check of its own: every answer is one that a message
wanted (`checks.nobody_mixed_up`), and as often as it was wanted (`checks.nothing_doubled`).
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.faults.checks import Facts, is_notice
from tests.faults.traffic import HANDS_OVER

Row = Mapping[str, Any]

LEADS = """
SELECT m.platform_message_id AS message_id, count(e.id) AS touches
FROM direct_messages.message m LEFT JOIN fans.lead_event e
  ON e.organization_id = m.organization_id AND e.message_id = m.id
WHERE m.direction = 'in' AND m.platform_message_id = ANY($1) GROUP BY 1
"""
LEADS_OF_FANS = "SELECT open_id, count(*) AS leads FROM fans.lead WHERE open_id LIKE $1 GROUP BY 1"
STAYS = """
SELECT fan_open_id, count(*) AS stays, count(*) FILTER (WHERE stage <> 'ended') AS open
FROM direct_messages.hand_off WHERE fan_open_id LIKE $1 GROUP BY 1
"""


def every_lead_once(facts: Facts, touches: Sequence[Row], leads: Sequence[Row]) -> Iterator[str]:
    """I1, I2: a number that a fan left in an acknowledged message is in one lead, once."""
    counted = {row["message_id"]: row["touches"] for row in touches}
    for message_id, fan in facts.told.phones.items():
        count = counted.get(message_id, 0)
        if message_id in facts.history.acknowledged and count != 1:
            yield f"{'I2' if count else 'I1'} the number that {fan} left is in {count} leads"
    for row in leads:
        if row["leads"] != 1:
            yield f"I2 {row['open_id']} became {row['leads']} leads"


def bot_and_person_apart(facts: Facts) -> Iterator[str]:
    """I10: the bot is silent while an agent has a fan, and answers again when it has her back."""
    yield from facts.told.wrong
    for message_id in facts.told.hushed:
        if (outcome := facts.stories[message_id]["outcome"]) != "person_owns":
            yield f"I10 the bot decided {outcome} on {message_id} while an agent had the fan"
    for message_id in facts.told.freed & facts.history.acknowledged.keys():
        row = facts.stories.get(message_id)
        if row is not None and row["outcome"] == "person_owns":
            yield f"I10 {message_id} was said to the bot, and it was silent"


def every_hand_off_once(facts: Facts, stays: Sequence[Row]) -> Iterator[str]:
    """I1, I2: who asked for a person waits for one, once, and is told of the queue at most once."""
    of_fan = {row["fan_open_id"]: row for row in stays}
    for message_id, said in facts.history.said.items():
        row = facts.stories.get(message_id)
        is_decided = said.rule == HANDS_OVER and row is not None and row["outcome"] is not None
        if is_decided and said.inbound.fan not in of_fan:
            yield f"I1 {said.inbound.fan} asked for a person, and nobody was called"
    for row in stays:
        if row["open"] > 1:
            yield f"I2 {row['fan_open_id']} waits {row['open']} times"
    for fan, count in Counter(one["to_user_id"] for one in facts.sent if is_notice(one)).items():
        if fan not in of_fan or count > of_fan[fan]["stays"]:
            yield f"I2 {fan} was told {count} times of the queue"
