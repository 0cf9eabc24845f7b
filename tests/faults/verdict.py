"""The judgement after a fault run, at rest: every invariant, over everything that happened."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx2
import redis

from tests.e2e.house import SERVICES
from tests.faults import checks, people_checks
from tests.faults.callers import Told, Written
from tests.faults.checks import Facts
from tests.faults.traffic import History
from tests.faults.waiting import AWAY

_SHOWN = 12
_WAITING = (
    "SELECT (SELECT count(*) FROM douyin.attempt a WHERE state = 'sending'"
    f" OR state = 'queued' AND NOT {checks.IN_DOUBT}) AS attempts"
    + "".join(f", (SELECT count(*) FROM {s}.outbox) AS outbox_{s}" for s in SERVICES)
    + "".join(
        f", (SELECT count(*) FROM {s}.quarantine WHERE quarantined_at IS NOT NULL"
        f" AND id NOT LIKE '%poison%' AND id NOT LIKE 'undecodable-%') AS quarantine_{s}"
        for s in SERVICES
    )
)
# What the first of them are, so that whoever reads the report knows where to look.
_STUCK = {
    "attempts": (
        "SELECT operation_id, item, state, tries, next_try_at, lease_until, reason, expires_at"
        " FROM douyin.attempt a WHERE state = 'sending'"
        f" OR state = 'queued' AND NOT {checks.IN_DOUBT} ORDER BY position LIMIT 3"
    ),
    **{
        f"outbox_{s}": (
            f"SELECT hearer, lane, count(*) AS rows, min(id) AS oldest, min(send_after) AS due"
            f" FROM {s}.outbox GROUP BY 1, 2"
        )
        for s in SERVICES
    },
    **{f"quarantine_{s}": f"SELECT id, reason FROM {s}.quarantine LIMIT 3" for s in SERVICES},
}
_ECHOED = (
    "SELECT dedupe_key FROM douyin.inbound WHERE event = 'im_send_msg' AND dedupe_key = ANY($1)"
)
_KNOWN = "SELECT msg_id FROM douyin.attempt WHERE msg_id = ANY($1)"
_TAKEN = "SELECT echo_id, msg_id FROM douyin.attempt WHERE echo_id = ANY($1) AND msg_id <> echo_id"
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = $1 ORDER BY tablename"
_HOLDS = """
SELECT count(*) FROM quota.reservation r WHERE r.open_items > 0 AND NOT EXISTS (
  SELECT 1 FROM douyin.attempt a WHERE a.operation_id = r.operation_id
  AND a.state IN ('queued', 'sending', 'unknown'))
"""
_DOUBTED = """
SELECT count(*) FILTER (WHERE reason = 'echo') AS resolved,
  count(*) FILTER (WHERE state = 'unknown') AS unknown FROM douyin.attempt
"""


class Watched(Protocol):
    """What a verdict needs of what it judges, whoever started it."""

    http: httpx2.Client

    @property
    def simulator(self) -> str: ...

    def rows(self, sql: str, *values: object) -> list[dict[str, Any]]: ...

    def sent(self) -> list[dict[str, Any]]: ...

    def carrier(self) -> redis.Redis: ...


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
    unconfirmed: int = 0  # of the unknown: accepted, and no echo told us
    orphans: int = 0  # holds whose send was never asked for; their lease gives them back

    @property
    def doubted(self) -> int:
        """How many sends were in doubt at some time."""
        return self.resolved + self.unknown

    @property
    def never_accepted(self) -> int:
        """Of those still unknown: the platform has never seen them, so that no echo will come."""
        return self.unknown - self.unconfirmed


def await_rest(
    house: Watched,
    since: float,
    patience: float,
    verdict: Verdict,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Wait until nothing is on its way, `patience` seconds of a clock; how long after the last fault that was."""
    ends = clock() + patience
    while waiting := _waiting(house):
        verdict.recovered = time.monotonic() - since
        if clock() > ends:
            verdict.violations.append(f"I12 {patience:.0f} s after the last fault: {waiting}")
            verdict.violations += _stuck(house, waiting)
            return
        time.sleep(0.25)
    verdict.recovered = time.monotonic() - since


def _stuck(house: Watched, waiting: Mapping[str, object]) -> Iterator[str]:
    for name, sql in _STUCK.items():
        if name in waiting:
            for row in house.rows(sql):
                yield f"I12 still in {name}: {dict(row)}"


def await_holds(house: Watched, patience: float, verdict: Verdict) -> None:
    """Wait until holds whose send was never asked for are given back: their lease says when."""
    began = time.monotonic()
    while True:
        verdict.orphans = house.rows(_HOLDS)[0]["count"]
        if not verdict.orphans or not patience:
            return
        if time.monotonic() - began > patience:
            verdict.violations.append(f"I4 {verdict.orphans} holds are never given back")
            return
        time.sleep(1)


def _waiting(house: Watched) -> dict[str, object]:
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
    except AWAY as error:
        return {"away": repr(error)}
    return waiting


def judge(
    house: Watched,
    history: History,
    mark: str,
    verdict: Verdict,
    written: Written | None = None,
    told: Told | None = None,
) -> None:
    """Hold history against record."""
    _analyse(house)
    mine = f"@{mark}-"
    sent = [one for one in house.sent() if one["reply_to_msg_id"].startswith(mine)]
    stories = {row["message_id"]: row for row in house.rows(checks.STORY, f"{mine}%")}
    facts = Facts(history, sent, stories, written or Written(), told or Told())
    windows = house.rows(checks.WINDOWS, f"{mine}%")
    refusals = _refusals(house)
    positions = {r["msg_id"]: r["position"] for r in house.rows(checks.POSITIONS, f"{mine}%")}
    found = [
        *checks.refused_for_nothing(history),
        *checks.nothing_lost(facts),
        *checks.nothing_doubled(facts),
        *checks.nothing_failed_was_accepted(facts),
        *checks.nothing_over_quota(facts),
        *checks.nothing_forgotten(facts, windows),
        *checks.refused_for_a_reason(facts, refusals),
        *checks.failed_for_a_reason(facts, refusals),
        *checks.nobody_mixed_up(facts),
        *checks.in_order(facts, positions),
        *checks.one_effect_a_key(facts),
        *_people(house, facts, mark),
        *(f"I4 drift: {row}" for row in house.rows(checks.DRIFT)),
        *_doubts(house, facts, verdict),
    ]
    more = [f"and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
    verdict.violations += [*found[:_SHOWN], *more]
    verdict.accepted = len(sent)
    verdict.outcomes = Counter(str(row["outcome"]) for row in stories.values())
    verdict.attempts = Counter(str(row["attempt"]) for row in stories.values() if row["attempt"])
    doubted = house.rows(_DOUBTED)[0]
    verdict.resolved, verdict.unknown = doubted["resolved"], doubted["unknown"]


def _refusals(house: Watched) -> int:
    """How often the platform said no as it was ordered to; what it refuses of itself is our mistake."""
    stats = house.http.get(f"{house.simulator}/_simulator/stats").json()
    return int(stats["injected_by_kind"].get("business_error", 0))


def _analyse(house: Watched) -> None:
    """Crashes took the statistics by which PostgreSQL plans."""
    for service in SERVICES:
        tables = [f"{service}.{row['tablename']}" for row in house.rows(_TABLES, service)]
        house.rows(f"ANALYZE {', '.join(tables)}")


def _people(house: Watched, facts: Facts, mark: str) -> Iterator[str]:
    touches = house.rows(people_checks.LEADS, list(facts.told.phones))
    leads = house.rows(people_checks.LEADS_OF_FANS, f"{mark}-%")
    yield from people_checks.every_lead_once(facts, touches, leads)
    yield from people_checks.bot_and_person_apart(facts)
    stays = house.rows(people_checks.STAYS, f"{mark}-%")
    yield from people_checks.every_hand_off_once(facts, stays)


def _doubts(house: Watched, facts: Facts, verdict: Verdict) -> Iterator[str]:
    """Accepted but still in doubt: only where the echo was withheld."""
    accepted = [one["msg_id"] for one in facts.sent]
    known = {row["msg_id"] for row in house.rows(_KNOWN, accepted)}
    left = [message_id for message_id in accepted if message_id not in known]
    echoed = {row["dedupe_key"] for row in house.rows(_ECHOED, accepted)}
    taken = {row["echo_id"]: row["msg_id"] for row in house.rows(_TAKEN, left)}
    verdict.unconfirmed = len(left)
    yield from checks.doubted_for_a_reason(left, echoed, taken)
    withheld = len(set(accepted) - echoed)
    if withheld > verdict.lost_echoes:
        yield f"I1 {withheld} echoes are missing, {verdict.lost_echoes} were lost by the platform"
