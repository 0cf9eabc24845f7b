"""One run of the whole path: fans write, the platform accepts the replies, everything comes to rest.

A run counts only if the simulator's own record holds exactly one reply to every message, every
decision says so too, and afterwards nothing is left held, queued or in doubt. Of a fan who writes on
before the answer came, the replies are counted: they stand under whatever is the newest message then.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tests.load.figures import percentile
from tests.load.generator import Dm, Outcome, a_dm, post_all
from tests.load.system import System, Void, until

_PATIENCE = 60  # seconds, and as many more as messages need that go a hundred a second
_CONNECTIONS = 64
_ON_THE_WAY = """
SELECT EXISTS (SELECT FROM douyin.outbox) OR EXISTS (SELECT FROM direct_messages.outbox)
    OR EXISTS (SELECT FROM quota.outbox)
"""
# What is not at rest, counted; nothing else may be in these tables while the benchmark runs. Asked only
# when nothing is on its way: it walks through whole tables, and nobody but the benchmark does.
_RESTLESS = """
SELECT (SELECT count(*) FROM douyin.attempt WHERE state <> 'sent') AS "attempts not sent",
       (SELECT count(*) FROM douyin.attempt)
       - (SELECT count(*) FROM douyin.inbound WHERE event = 'im_send_msg') AS "echoes missing",
       (SELECT count(*) FROM direct_messages.message WHERE state = 'queued') AS "messages queued",
       (SELECT coalesce(sum(held), 0) FROM quota.bucket) AS "units held"
"""
_WRONG = """
SELECT (SELECT count(*) FROM direct_messages.decision WHERE outcome <> 'replied')
     + (SELECT count(*) FROM direct_messages.quarantine) + (SELECT count(*) FROM douyin.quarantine)
     + (SELECT count(*) FROM quota.quarantine)
"""
# What became of messages, to be told when replies are missing.
_BECAME = """
SELECT 'decision ' || outcome, count(*) FROM direct_messages.decision GROUP BY 1
UNION ALL SELECT 'attempt ' || state, count(*) FROM douyin.attempt GROUP BY 1
"""
_DECISIONS = "SELECT count(*) FROM direct_messages.decision"
# Milliseconds of the wall clock at which each stage of a message was begun.
_STAGES = """
SELECT i.dedupe_key,
       extract(epoch FROM i.received_at) * 1000, extract(epoch FROM d.decided_at) * 1000,
       extract(epoch FROM a.created_at) * 1000, extract(epoch FROM a.written_at) * 1000
FROM douyin.attempt a
JOIN douyin.inbound i ON i.dedupe_key = a.reply_to AND i.event = 'im_receive_msg'
JOIN direct_messages.decision d ON d.operation_id = a.operation_id
WHERE a.reply_to LIKE $1
"""
STAGES = (
    "waiting and door, until its transaction",
    "commit, stream, until decided",
    "quota, commit, stream, until its attempt is written",
    "waiting for its turn, until its first byte",
    "until the platform has it",
)


@dataclass(frozen=True, slots=True)
class Load:
    """What fans do. `rate` messages a second; None: as fast as the door takes them.

    `crowd` names the fans who write in turn; by default each load has its own. `writes_on`: a fan
    writes again before the answer.
    """

    name: str
    messages: int
    rate: float | None = None
    fans: int = 2_000
    crowd: str = ""
    writes_on: bool = False

    @property
    def patience(self) -> float:
        """Seconds after which a run is given up."""
        return _PATIENCE + self.messages / 100

    def again(self, name: str, messages: int = 0, rate: float | None = None) -> "Load":
        """The same fans once more, under another name."""
        return replace(self, name=name, messages=messages or self.messages, rate=rate)


@dataclass(frozen=True, slots=True)
class Ride:
    """A run that was found right. Seconds count from the first post."""

    load: Load
    outcome: Outcome
    accepted: dict[str, float]  # message id → when the platform accepted its reply
    reply_seconds: float  # until the last one was
    rest_seconds: float  # until everything was settled, echoed and acknowledged
    cpu: Mapping[str, float]  # seconds that each process spent until then; the checks are not in it

    def latencies(self) -> list[float]:
        """Milliseconds from when each message was due to the platform's call."""
        due = self.outcome.acknowledged
        return [(at - due[message][0]) * 1000 for message, at in self.accepted.items()]


def ride(system: System, load: Load) -> Ride:
    """Run it and check it. Raises Void when anything is not as it should be."""
    dms = [a_dm(load.name, number, load.fans, load.crowd) for number in range(load.messages)]
    system.register(dms)
    after, decided = system.accepted(), int(system.sql(_DECISIONS)[0][0])
    before, began = system.cpu(), time.monotonic()
    outcome = post_all(system.door, dms, rate=load.rate, connections=_CONNECTIONS)
    require_taken(outcome)
    until_accepted(system, after + load.messages, load.patience)
    reply_seconds = time.monotonic() - began
    at_rest, spent = _at_rest(system, load.patience)
    cpu = {name: seconds - before[name] for name, seconds in spent.items()}
    wrong = int(system.sql(_WRONG)[0][0])
    decided = int(system.sql(_DECISIONS)[0][0]) - decided
    if wrong or decided != load.messages:
        raise Void(f"{decided} decisions on {load.messages} messages, {wrong} of all are wrong")
    sent = list(system.sent(after))
    accepted = by_fan(dms, outcome, sent) if load.writes_on else by_message(dms, sent)
    return Ride(load, outcome, accepted, reply_seconds, at_rest - began, cpu)


def require_taken(outcome: Outcome) -> None:
    """Raise Void when the door refused a message."""
    if outcome.refused:
        raise Void(f"the door refused messages: {dict(Counter(outcome.refused.values()))}")


def until_accepted(system: System, replies: int, patience: float) -> None:
    """Wait until the platform accepted so many. Raises Void with what became of messages by then."""
    try:
        until(replies, system.accepted, patience)
    except Void as late:
        became = ", ".join(f"{what}: {count}" for what, count in system.sql(_BECAME))
        raise Void(f"{late}; {became}") from late


def _at_rest(system: System, patience: float) -> tuple[float, dict[str, float]]:
    """When everything came to rest, and the CPU spent by then. Raises Void with what does not."""
    deadline = time.monotonic() + patience
    while True:
        while system.sql(_ON_THE_WAY)[0][0] and time.monotonic() < deadline:
            time.sleep(0.05)
        now, spent = time.monotonic(), system.cpu()
        restless = {name: int(count) for name, count in system.sql(_RESTLESS)[0].items() if count}
        if not restless:
            return now, spent
        if now > deadline:
            raise Void(f"not at rest after {patience:.0f} s: {restless}")
        time.sleep(0.1)


def by_message(dms: Sequence[Dm], sent: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """When the platform accepted the reply to each message. Raises Void unless each has one."""
    replies = {m["reply_to_msg_id"]: m["accepted_at_ms"] / 1000 for m in sent}
    if len(sent) != len(dms) or replies.keys() != {dm.id for dm in dms}:
        raise Void(f"{len(sent)} replies to {len(replies)} of {len(dms)} messages")
    return replies


def by_fan(
    dms: Sequence[Dm], outcome: Outcome, sent: Sequence[Mapping[str, Any]]
) -> dict[str, float]:
    """The same for fans who write on: replies leave a conversation in the order of its messages."""
    written, heard = defaultdict[str, list[str]](list), defaultdict[str, list[float]](list)
    for dm in sorted(dms, key=lambda dm: outcome.acknowledged[dm.id]):
        written[dm.fan].append(dm.id)
    for m in sent:
        heard[m["to_user_id"]].append(m["accepted_at_ms"] / 1000)
    wrong = sum(len(written[f]) != len(heard[f]) for f in written.keys() | heard.keys())
    if wrong:
        raise Void(f"{wrong} of {len(written)} fans have more or fewer replies than messages")
    return {m: at for f, ids in written.items() for m, at in zip(ids, heard[f], strict=True)}


def stage_latencies(system: System, ridden: Ride) -> list[float]:
    """The median milliseconds that a message of the run spent in each of `STAGES`."""
    spent: list[list[float]] = [[] for _ in STAGES]
    for message, *begun in system.sql(_STAGES, f"@{ridden.load.name}-m%"):
        due = ridden.outcome.acknowledged[message][0] * 1000
        times = [due, *map(float, begun), ridden.accepted[message] * 1000]
        for seen, start, end in zip(spent, times, times[1:], strict=False):
            seen.append(end - start)
    return [percentile(seen, 0.5) for seen in spent]
