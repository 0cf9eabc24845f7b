"""The same random histories through quota's actions on PostgreSQL and through the simulation's ledger."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

import sqlalchemy as sa

from services.quota import store
from services.quota.actions import Deps, DriftCheck, Settlement, lapse_old_windows, reserve, settle
from services.quota.actions.reserving import Granted, Question
from services.quota.domain import Entry, Reason, Refusal, Request
from shared.db import ALL_TENANTS
from tests.simulation import ledger as model

HISTORIES = 120
STEPS = 14
POLICY = {
    "dm.reply.applies_to": "everyone",
    "dm.reply.limit": 6,
    "dm.reply.window_hours": 24,
    "dm.human_reserved": 2,
    "dm.enter.items": 3,
    "dm.enter.window_seconds": 3600,
    "dm.enter.events_per_day": 3,
    "push.monthly_limit": 8,
}
_QUARTER = timedelta(minutes=16)
_BUCKETS = sa.text(
    "SELECT limit_key, slot, window_id, used, held, cap, closed FROM bucket"
    " WHERE account_id = :account"
)
_LEDGER = sa.text(
    "SELECT reservation_id, limit_key, item, max(entry) FILTER (WHERE entry <> 'held') FROM ledger"
    " WHERE account_id = :account GROUP BY 1, 2, 3"
)
_COUNTS = sa.text("SELECT id, open_items, committed FROM reservation WHERE account_id = :account")
_AGE = sa.text(
    "UPDATE reservation SET created_at = created_at - interval '16 minutes'"
    " WHERE account_id = :account"
)


class History:
    """One account in PostgreSQL, and its twin in memory."""

    def __init__(self, seed: int, deps: Deps, now: datetime) -> None:
        self.random, self.account, self.deps = Random(seed), f"acc_{seed}", deps
        self.now, self.ledger, self.policy = now, model.Ledger(), dict(POLICY)
        self.log: list[str] = [f"seed {seed}"]
        self.version = 0

    async def learn(self) -> None:
        """The policy, sometimes with another cap."""
        self.version += 1
        if self.version > 1:
            self.policy["dm.reply.limit"] = self.random.choice((4, 6, 8))
        row = ("org_1", self.account, self.version, json.dumps(self.policy))
        async with self.deps.database.transaction(ALL_TENANTS) as tx:
            await store.save_policies(tx, [row])

    def _request(self) -> Request:
        random = self.random
        purpose = random.choice(("dm.reply", "dm.reply", "dm.reply", "dm.enter", "push.monthly"))
        window = random.choice((1, 2, 2, 3, 30))
        return Request(
            "org_1",
            self.account,
            purpose,  # type: ignore[arg-type]  # one of the three
            "fan",
            random.randint(1, 3),
            random.choice(("bot", "person")),
            f"@in{window}" if random.random() < 0.95 else None,
            self.now - timedelta(hours=31 - window),
            None,
            follows=False,
        )

    async def reserve(self) -> None:
        """Questions come in a batch, some of them again."""
        asked = [
            Question(f"op_{self.random.randint(1, 12)}", "evt", self._request())
            for _ in range(self.random.randint(1, 3))
        ]
        answers = await reserve(self.deps, asked)
        for question, answer in zip(asked, answers, strict=True):
            new_id = answer.reservation_id if isinstance(answer, Granted) else "refused"
            twin = model.reserve(
                self.ledger, question.operation_id, question.request, self.policy, self.now, new_id
            )
            self.log.append(f"{question.operation_id} {question.request.purpose}: {answer}")
            if isinstance(twin, Refusal):
                assert answer == twin, self.log
            else:
                assert isinstance(answer, Granted), self.log
                assert answer.reservation_id == twin, self.log

    async def settle(self) -> None:
        """Items end, once or again, in any order."""
        random, known = self.random, list(self.ledger.reservations)
        asked = [
            Settlement(
                "org_1",
                self.account,
                random.choice(known) if known else "none",
                random.choice((None, frozenset({0}), frozenset({1}), frozenset({0, 2}))),
                random.choice((Entry.COMMITTED, Entry.RELEASED, None)),
                "",
                random.choice((None, None, None, Reason.CLOSED_BY_PLATFORM)),
            )
            for _ in range(random.randint(1, 3))
        ]
        self.log.append(f"settle {asked}")
        moved = await settle(self.deps, asked)
        assert moved == [
            model.settle(self.ledger, s.reservation_id, s.items, s.entry, s.closes) for s in asked
        ], self.log

    async def lapse(self) -> None:
        """A quarter of an hour later."""
        async with self.deps.database.transaction(ALL_TENANTS) as tx:
            await tx.change(_AGE, {"account": self.account})
        for r in list(self.ledger.reservations.values()):
            self.ledger.reservations[r.id] = replace(r, created_at=r.created_at - _QUARTER)
        await lapse_old_windows(self.deps)
        for reservation in model.lapsed(self.ledger, self.now):
            model.settle(self.ledger, reservation, None, Entry.RELEASED)

    async def compare(self) -> None:
        """Every counter, ledger row and reservation of both, and no drift."""
        named = {"account": self.account}
        async with self.deps.database.transaction(ALL_TENANTS) as tx:
            buckets = {tuple(row) for row in await tx.execute(_BUCKETS, named)}
            lines = {tuple(row) for row in await tx.execute(_LEDGER, named)}
            counts = {tuple(row) for row in await tx.execute(_COUNTS, named)}
        assert await DriftCheck(self.deps).run() == 0, self.log
        assert buckets == {
            (k.limit, k.slot, b.window_id, b.used, b.held, b.cap, b.closed)
            for k, b in self.ledger.buckets.items()
        }, self.log
        assert lines == {
            (x.reservation_id, x.key.limit, x.item, x.settled)
            for of_one in self.ledger.lines.values()
            for x in of_one
        }, self.log
        assert counts == {(r, *self.ledger.counts(r)) for r in self.ledger.reservations}, self.log


async def test_every_history_ends_the_same_in_sql_and_in_the_model(
    worlds: Callable[..., Any],
) -> None:
    async with worlds("quota") as world:
        deps = Deps(world.resources.database("quota"))
        for seed in range(HISTORIES):
            history = History(seed, deps, await world.now())
            await history.learn()
            steps = (*[history.reserve] * 5, *[history.settle] * 4, history.lapse, history.learn)
            for step in history.random.choices(steps, k=STEPS):
                await step()
                await history.compare()
