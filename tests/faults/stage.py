"""What a scenario plays on: the lab, the traffic, dice of its own; and what it must be seen to do."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from tests.e2e.wire import DEMO, Shop
from tests.faults.fans import Fans
from tests.faults.guests import Guests
from tests.faults.lab import Lab
from tests.faults.people import People

_LOOK_SECONDS = 0.1
_ATTEMPT = (
    "SELECT a.state FROM douyin.attempt a JOIN douyin.inbound i ON i.id = a.cause"
    " WHERE i.event = 'im_receive_msg' AND i.dedupe_key = $1"
)
_WINDOW = timedelta(days=1)  # in which a message may be answered
_ADVANCE = "UPDATE siyu.clock SET ahead = ahead + $1"
_DOUBTED = (
    "SELECT count(*) FILTER (WHERE state = 'unknown' OR reason = 'echo') AS doubted,"
    " count(*) FILTER (WHERE state = 'sent') AS sent FROM douyin.attempt"
)


@dataclass(eq=False)
class Stage:
    """Handed to every scenario. `long` is how much longer than the short form it shall play."""

    lab: Lab
    fans: Fans
    people: People
    guests: Guests
    dice: random.Random
    long: float = 1.0
    complaints: list[str] = field(default_factory=list)
    recoveries: dict[str, list[float]] = field(default_factory=dict)
    at_the_end: list[Callable[["Stage"], Awaitable[None]]] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        """Let the fault work for so long, longer in longer runs."""
        await asyncio.sleep(seconds * self.long)

    def note(self, what: str, times: int = 1) -> None:
        """A fault was seen."""
        self.lab.deeds.note(what, times)

    def complain(self, what: str) -> None:
        """A promise was broken that the general checks do not see."""
        self.complaints.append(what)

    async def order(self, kind: str, probability: float, **more: object) -> None:
        """Let the platform fail."""
        seed = self.dice.randrange(2**31)
        order = {"kind": kind, "probability": probability, "seed": seed, **more}
        await asyncio.to_thread(self.lab.control, "failures", order)

    async def recovered(self, what: str, within: float, shop: Shop = DEMO) -> str:
        """A fan's message, answered; a complaint if that takes longer than `within`. Its id."""
        began, deadline = time.monotonic(), self.lab.pace.deadline(within)
        message_id = await self.fans.probe(shop)
        while True:
            sent = await asyncio.to_thread(self.lab.sent)
            took = time.monotonic() - began
            if any(one["reply_to_msg_id"] == message_id for one in sent[-2000:]):
                break
            if deadline.is_over:
                self.complain(f"I12 {within:.0f} s after {what}, {message_id} was not answered")
                break
            await asyncio.sleep(_LOOK_SECONDS)
        self.recoveries.setdefault(what, []).append(took)
        return message_id

    async def attempt_on(self, message_id: str, within: float = 60.0) -> str:
        """How the send for a message stands once it is under way no more; "" if that is not soon."""
        deadline = self.lab.pace.deadline(within)
        while not deadline.is_over:
            rows = await asyncio.to_thread(self.lab.rows, _ATTEMPT, message_id)
            if rows and rows[0]["state"] not in {"queued", "sending"}:
                return str(rows[0]["state"])
            await asyncio.sleep(_LOOK_SECONDS)
        return ""

    async def advance(self, step: timedelta) -> None:
        """Move our business clock and the platform's together."""
        await asyncio.to_thread(self.lab.rows, _ADVANCE, step)
        ahead = {"advance_ms": round(step.total_seconds() * 1000)}
        await asyncio.to_thread(self.lab.control, "clock", ahead)
        if step >= _WINDOW:
            self.fans.poster.history.jumps.append(time.monotonic())
        self.note("clock moved")

    async def evidence(self) -> Counter[str]:
        """Everything that was seen so far, by name."""
        stats = await asyncio.to_thread(self.lab.stats)
        seen = Counter(self.lab.deeds.done)
        seen.update({f"link {k}": n for k, n in self.lab.wires.seen().items()})
        seen.update({f"platform {k}": n for k, n in stats["injected_by_kind"].items()})
        seen.update({f"fans saw {k}": n for k, n in self.fans.poster.history.answers.items()})
        row = (await asyncio.to_thread(self.lab.rows, _DOUBTED))[0]
        seen.update({"unknown": row["doubted"], "sent": row["sent"]})
        return seen


@dataclass(frozen=True, slots=True)
class Scenario:
    """A fault that can be played by its name; `needs` is the evidence without which it was vacuous."""

    name: str
    title: str
    play: Callable[[Stage], Awaitable[None]]
    needs: Mapping[str, int]
    in_short: bool = True  # whether it belongs to the short form
    seconds: float = 600.0  # after which it hangs

    def unseen(self, before: Mapping[str, int], after: Mapping[str, int]) -> list[str]:
        """What should have been seen between the two and was not."""
        seen = {name: after.get(name, 0) - before.get(name, 0) for name in self.needs}
        return [
            f"{self.name}: {name} {seen[name]} of {least}"
            for name, least in self.needs.items()
            if seen[name] < least
        ]
