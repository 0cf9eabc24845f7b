"""The platform as the simulation plays it: what it accepted is the truth that everything is held to."""

import json
from collections import Counter
from dataclasses import dataclass, field
from random import Random

from services.douyin.store import Claimed

CAP = 6
UNREACHABLE, NO_ANSWER = "unreachable", "no_answer"  # no byte left; nobody knows
_THROTTLED, _MALFORMED, _CAP_REACHED, _TOKEN = 28003018, 2100005, 28003070, 28001008


@dataclass(frozen=True, slots=True)
class Faults:
    """How often what goes wrong, and which means there are; drawn anew for each seed."""

    refuses: float = 0.0
    unreachable: float = 0.0
    loses_answer: float = 0.0
    echo_lost: float = 0.0
    echo_doubled: float = 0.0
    foreign: int = 0  # messages of other apps in the same window, which we cannot see
    ids_differ: bool = False  # echoes carry another id than the answer did
    repeats: bool = False  # the same words are said again
    carrier: float = 0.0  # doubles, loses, reorders
    kills: float = 0.0
    not_its_turn: float = 0.0  # the call would be too many for this second
    cut_commits: float = 0.0  # committed, and the word of it was lost
    leaps: float = 0.0  # of time


def draw_faults(random: Random) -> Faults:
    """A random choice of faults: a seed with few of them reaches other places than one with all."""

    def some(most: float) -> float:
        return random.choice((0.0, most / 4, most))

    return Faults(
        refuses=some(0.2),
        unreachable=some(0.2),
        loses_answer=some(0.5),
        echo_lost=some(0.6),
        echo_doubled=some(0.4),
        foreign=random.choice((0, 0, 2)),
        ids_differ=random.random() < 0.2,
        repeats=random.random() < 0.4,
        carrier=some(0.25),
        kills=some(0.04),
        not_its_turn=some(0.3),
        cut_commits=some(0.2),
        leaps=some(0.04),
    )


@dataclass(frozen=True, slots=True)
class Accepted:
    """A message that the fan saw."""

    claimed: Claimed
    message_id: str
    echo_id: str


@dataclass
class Platform:
    """Accepts, refuses, or accepts and says nothing."""

    random: Random
    faults: Faults
    accepted: dict[tuple[str, int], list[Accepted]] = field(default_factory=dict)
    count: Counter[str] = field(default_factory=Counter)  # by the message that is replied to
    _number: int = 0

    def echoes_of(self, key: tuple[str, int]) -> set[str]:
        """The ids of the echoes of what a fan saw of an attempt."""
        return {one.echo_id for one in self.accepted.get(key, ())}

    def receive(self, claimed: Claimed) -> tuple[Accepted | None, str | bytes]:
        """What became of one call, and what the caller learns: an answer's body, or why there is none."""
        faults, random = self.faults, self.random
        if random.random() < faults.unreachable:
            return None, UNREACHABLE
        if random.random() < faults.refuses:
            return None, _refusal(random.choice((_THROTTLED, _MALFORMED, _TOKEN)))
        if faults.foreign and self.count[claimed.reply_to] + faults.foreign >= CAP:
            return None, _refusal(_CAP_REACHED)
        if random.random() < faults.loses_answer / 2:
            return None, NO_ANSWER
        self._number += 1
        message_id = f"@m{self._number}"
        one = Accepted(
            claimed, message_id, f"@e{self._number}" if faults.ids_differ else message_id
        )
        self.accepted.setdefault((claimed.operation_id, claimed.item), []).append(one)
        self.count[claimed.reply_to] += 1
        if random.random() < faults.loses_answer:
            return one, NO_ANSWER
        return one, json.dumps({"err_no": 0, "err_msg": "", "msg_id": message_id}).encode()


def _refusal(code: int) -> bytes:
    return json.dumps({"err_no": code, "err_msg": "no"}).encode()
