"""Looks at the house while it is being tormented: what may never be true, not even for a moment."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from tests.faults import checks
from tests.faults.callers import Written
from tests.faults.checks import Facts, Sent
from tests.faults.lab import Lab
from tests.faults.traffic import History
from tests.faults.waiting import AWAY

_LOOK_SECONDS = 5.0
_DRIFT_EVERY = 6  # looks; it reads the whole ledger
_REMEMBERED = 500  # settled attempts that must stay as they are
_DOWN_SECONDS = 60.0
_OVER = "SELECT subject, used, held, cap FROM quota.bucket WHERE used + held > cap"
_SETTLED = "SELECT operation_id, item FROM douyin.attempt WHERE state = 'sent' ORDER BY settled_at DESC LIMIT 50"
# Told and not decided, or decided and not sent: what is still before the house.
_BEFORE_IT = (
    "SELECT (SELECT count(*) FROM direct_messages.decision) AS decided,"
    " (SELECT count(*) FROM douyin.attempt WHERE state IN ('queued', 'sending')) AS queued"
)
_WENT_BACK = (
    "SELECT a.operation_id, a.state FROM douyin.attempt a JOIN unnest($1::text[], $2::int[])"
    " AS k(operation_id, item) USING (operation_id, item) WHERE a.state <> 'sent'"
)


@dataclass(eq=False)
class Watch:
    """The checker of the run. It reads past every link, and forgives a look while PostgreSQL is away."""

    lab: Lab
    history: History
    written: Written
    mark: str
    violations: list[str] = field(default_factory=list)
    looks: int = 0
    missed: int = 0
    _windows: Counter[tuple[str, str]] = field(default_factory=Counter)
    _texts: Counter[str] = field(default_factory=Counter)
    _judged: int = 0
    _settled: list[tuple[str, int]] = field(default_factory=list)
    _down: dict[str, float] = field(default_factory=dict)

    async def look(self) -> None:
        """Look every few seconds until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            await self.once()

    async def once(self) -> None:
        """One look."""
        self._look_at_members()
        try:
            await asyncio.to_thread(self.lab.sent)
            self._look_at_record()
            await self._look_at_tables()
            self.looks += 1
        except AWAY:
            self.missed += 1

    def _look_at_record(self) -> None:
        new: list[dict[str, Any]] = [
            one
            for one in self.lab.accepted[self._judged :]
            if one["reply_to_msg_id"].startswith(f"@{self.mark}-")
        ]
        self._judged = len(self.lab.accepted)
        self.violations += checks.nobody_mixed_up(Facts(self.history, new, {}, self.written))
        for one in new:
            self._count(one)

    def _count(self, one: Sent) -> None:
        window = (one["to_user_id"], one["reply_to_msg_id"])
        self._windows[window] += 1
        if self._windows[window] == checks.CAP + 1:
            self.violations.append(f"I3 more than {checks.CAP} in the window {window}")
        text = checks.text_of(one)
        if text not in self.written.texts:
            return  # how often a fan may get what it asked for is known when all is said
        self._texts[text] += 1
        if self._texts[text] == 2:
            self.violations.append(f"I2 {text!r} was sent twice")

    async def _look_at_tables(self) -> None:
        connection = await asyncpg.connect(self.lab.database_url, timeout=5)
        try:
            over = await connection.fetch(_OVER, timeout=20)
            self.violations += [f"I3 over its cap: {dict(row)}" for row in over]
            if self.looks % _DRIFT_EVERY == 0:
                drift = await connection.fetch(checks.DRIFT, timeout=60)
                self.violations += [f"I4 drift: {dict(row)}" for row in drift]
            operations, items = [k[0] for k in self._settled], [k[1] for k in self._settled]
            back = await connection.fetch(_WENT_BACK, operations, items, timeout=20)
            self.violations += [f"I10 was sent and went back: {dict(row)}" for row in back]
            row = await connection.fetchrow(_BEFORE_IT, timeout=20)
            known = len(self.history.acknowledged)
            self.lab.before_it = max(known - row["decided"], 0) + row["queued"]
            settled = await connection.fetch(_SETTLED, timeout=20)
            self._settled = [*settled, *self._settled][:_REMEMBERED]
        finally:
            await connection.close()

    def _look_at_members(self) -> None:
        now = self.lab.pace.now()
        for member in self.lab.members.values():
            if member.is_alive() or member.is_held:
                self._down.pop(member.name, None)
            elif now - self._down.setdefault(member.name, now) > _DOWN_SECONDS:
                self.violations.append(f"I12 {member.name} has been down for a minute")
                self._down[member.name] = now
