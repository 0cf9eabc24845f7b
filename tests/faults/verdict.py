"""The judgement after a fault run: the poster's history against the platform's record.

Our own tables are asked for reasons only: why a message was not answered, what is still in doubt.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import redis

from tests.e2e.house import SERVICES, House
from tests.faults.traffic import HANDS_OVER, REPLIES, History

_CAP = 6  # replies in the window of somebody who does not follow
_SHOWN = 12

_WAITING = (
    "SELECT (SELECT count(*) FROM douyin.attempt WHERE state IN ('queued', 'sending')) AS attempts"
    + "".join(f", (SELECT count(*) FROM {s}.outbox) AS outbox_{s}" for s in SERVICES)
    + "".join(
        f", (SELECT count(*) FROM {s}.quarantine WHERE quarantined_at IS NOT NULL) AS quarantine_{s}"
        for s in SERVICES
    )
)
# Written anew on purpose: the product's own drift check may have the same mistake as its counters.
_DRIFT = """
SELECT b.subject, b.limit_key, b.used, b.held, l.used AS ledger_used, l.held AS ledger_held
FROM quota.bucket b JOIN (
  SELECT account_id, limit_key, subject, slot, window_id,
    sum(CASE entry WHEN 'committed' THEN units ELSE 0 END) AS used,
    sum(CASE entry WHEN 'held' THEN units ELSE -units END) AS held
  FROM quota.ledger GROUP BY 1, 2, 3, 4, 5) l
USING (account_id, limit_key, subject, slot, window_id)
WHERE b.used <> l.used OR b.held <> l.held OR (b.cap IS NOT NULL AND b.used + b.held > b.cap)
"""
_STORY = """
SELECT i.dedupe_key AS message_id, i.id AS cause, i.state AS taken, d.outcome, d.quota,
  d.operation_id, a.state AS attempt, a.reason, a.msg_id, a.attempts
FROM douyin.inbound i
LEFT JOIN direct_messages.message m ON m.platform_message_id = i.dedupe_key AND m.direction = 'in'
LEFT JOIN direct_messages.decision d ON d.message_id = m.id
LEFT JOIN LATERAL (SELECT max(state) AS state, max(reason) AS reason, max(msg_id) AS msg_id,
  count(*) AS attempts FROM douyin.attempt a WHERE a.cause = i.id) a ON true
WHERE i.event = 'im_receive_msg' AND i.dedupe_key LIKE $1
"""
_ECHOED = (
    "SELECT dedupe_key FROM douyin.inbound WHERE event = 'im_send_msg' AND dedupe_key = ANY($1)"
)
_HOLDS = """
SELECT count(*) FROM quota.reservation r WHERE r.open_items > 0 AND NOT EXISTS (
  SELECT 1 FROM douyin.attempt a WHERE a.operation_id = r.operation_id
  AND a.state IN ('queued', 'sending', 'unknown'))
"""


@dataclass(slots=True)
class Verdict:
    """What was found. `violations` empty means: nothing lost, nothing doubled."""

    violations: list[str] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    attempts: Counter[str] = field(default_factory=Counter)
    accepted: int = 0
    recovered: float = 0.0
    resolved: int = 0  # unknown first, sent by its echo
    unknown: int = 0  # still
    lost_echoes: int = 0  # events that the platform gave up delivering
    echoes_counted: bool = True
    unconfirmed: int = 0  # accepted, but still in doubt here: their echo was lost
    orphans: int = 0  # holds whose send was never asked for; their lease gives them back

    @property
    def doubted(self) -> int:
        """How many sends were in doubt at some time."""
        return self.resolved + self.unknown


def await_rest(house: House, since: float, patience: float, verdict: Verdict) -> None:
    """Wait until nothing is on its way; how long after the last fault that was."""
    while waiting := _waiting(house):
        verdict.recovered = time.monotonic() - since
        if verdict.recovered > patience:
            verdict.violations.append(f"{patience:.0f} s after the last fault: {waiting}")
            return
        time.sleep(0.25)
    verdict.recovered = time.monotonic() - since


def await_holds(house: House, patience: float, verdict: Verdict) -> None:
    """Wait until holds whose send was never asked for are given back: their lease says when."""
    began = time.monotonic()
    while True:
        verdict.orphans = house.rows(_HOLDS)[0]["count"]
        if not verdict.orphans or not patience:
            return
        if time.monotonic() - began > patience:
            verdict.violations.append(f"{verdict.orphans} holds are never given back")
            return
        time.sleep(1)


def _waiting(house: House) -> dict[str, object]:
    try:
        counts = house.rows(_WAITING)[0]
        waiting: dict[str, object] = {name: number for name, number in counts.items() if number}
        with house.carrier() as carrier:
            for key in carrier.scan_iter("siyu:*", count=1000, _type="stream"):
                # what was acknowledged is forgotten as it is read, and trimmed by its bound
                if not key.startswith(b"siyu:acks:") and (length := carrier.xlen(key)):
                    waiting[key.decode()] = length
        webhooks = house.http.get(f"{house.simulator}/_simulator/stats").json()["webhooks"]
        if webhooks["pending"]:
            waiting["webhooks"] = webhooks["pending"]
    except (OSError, redis.RedisError) as error:
        return {"away": repr(error)}
    return waiting


def judge(house: House, history: History, mark: str, verdict: Verdict) -> None:
    """Hold history against record."""
    sent = [one for one in house.sent() if one["reply_to_msg_id"].startswith(f"@{mark}-")]
    stories = {row["message_id"]: row for row in house.rows(_STORY, f"@{mark}-%")}
    verdict.accepted = len(sent)
    found = [
        *_unacknowledged(history),
        *_doubled(sent),
        *_wrong(history, sent),
        *_unhandled(history, stories, sent),
        *_drifted(house),
    ]
    verdict.unconfirmed, told = _unconfirmed(house, stories, sent)
    if verdict.echoes_counted and verdict.unconfirmed > verdict.lost_echoes:
        found.append(
            f"{verdict.unconfirmed} accepted and in doubt, {verdict.lost_echoes} echoes lost"
        )
    found += [f"{message_id} is in doubt though its echo came" for message_id in told]
    if len(found) > _SHOWN:
        found = [*found[:_SHOWN], f"and {len(found) - _SHOWN} more"]
    verdict.violations += found
    verdict.outcomes = Counter(str(row["outcome"]) for row in stories.values())
    verdict.attempts = Counter(str(row["attempt"]) for row in stories.values() if row["attempt"])
    verdict.resolved = sum(row["reason"] == "echo" for row in stories.values())
    verdict.unknown = verdict.attempts["unknown"]


def _unacknowledged(history: History) -> Iterator[str]:
    for message_id in history.said:
        if message_id not in history.acknowledged:
            yield f"{message_id} was never acknowledged"
    for answer, count in history.answers.items():
        if answer.startswith("4"):
            yield f"{count} deliveries were refused with {answer}"


def _doubled(sent: Sequence[dict[str, Any]]) -> Iterator[str]:
    for message_id, count in Counter(one["reply_to_msg_id"] for one in sent).items():
        if count > 1:
            yield f"{message_id} was answered {count} times"
    windows = Counter((one["to_user_id"], one["reply_to_msg_id"]) for one in sent)
    for window, count in windows.items():
        if count > _CAP:
            yield f"{count} replies in the window {window}"


def _wrong(history: History, sent: Sequence[dict[str, Any]]) -> Iterator[str]:
    for one in sent:
        said = history.said[one["reply_to_msg_id"]]
        if one["to_user_id"] != said.inbound.fan:
            yield f"{said.inbound.message_id} was answered to somebody else"
        if one["content"]["text"]["text"] != REPLIES[said.rule]:
            yield f"{said.inbound.message_id} ({said.rule}) got {one['content']}"


def _unhandled(
    history: History, stories: dict[str, dict[str, Any]], sent: Sequence[dict[str, Any]]
) -> Iterator[str]:
    answered = {one["reply_to_msg_id"]: one["msg_id"] for one in sent}
    handed_over = {s.inbound.fan for s in history.said.values() if s.rule == HANDS_OVER}
    for message_id in history.acknowledged:
        row = stories.get(message_id)
        if row is None or row["outcome"] is None:
            yield f"{message_id} was acknowledged and not handled: {row}"
        elif row["outcome"] == "replied":
            yield from _unexplained(message_id, row, answered)
        elif message_id in answered:
            yield f"{message_id} was answered though decided {row['outcome']}"
        elif row["outcome"] == "person_owns":
            if history.said[message_id].inbound.fan not in handed_over:
                yield f"{message_id}: nobody handed this fan over"
        elif row["outcome"] != "refused" or not row["quota"]:
            yield f"{message_id} should have been answered: {row['outcome']}"


def _unexplained(message_id: str, row: dict[str, Any], answered: dict[str, str]) -> Iterator[str]:
    """A reply was decided: it was accepted and we know, or there is a reason why it was not."""
    if row["attempts"] != 1:
        yield f"{message_id} has {row['attempts']} attempts"
    elif message_id in answered:
        sent = ("sent", answered[message_id])
        if row["attempt"] != "unknown" and (row["attempt"], row["msg_id"]) != sent:
            yield f"{message_id} was accepted, but is {row['attempt']} ({row['reason']})"
    elif row["attempt"] == "sent":
        yield f"{message_id} is called sent, but the platform has never seen it"
    elif row["attempt"] not in {"unknown", "failed"} or not row["reason"]:
        yield f"{message_id} got no answer and no reason: {row['attempt']} ({row['reason']})"


def _unconfirmed(
    house: House, stories: Mapping[str, Mapping[str, Any]], sent: Sequence[dict[str, Any]]
) -> tuple[int, list[str]]:
    """Accepted but still in doubt: how many, and those of whose echo we were told."""
    left = [
        one["msg_id"]
        for one in sent
        if stories.get(one["reply_to_msg_id"], {}).get("attempt") == "unknown"
    ]
    return len(left), [row["dedupe_key"] for row in house.rows(_ECHOED, left)]


def _drifted(house: House) -> Iterator[str]:
    for row in house.rows(_DRIFT):
        yield f"drift: {row}"
