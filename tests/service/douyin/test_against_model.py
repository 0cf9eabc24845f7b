"""The same random histories through the store's SQL and through the simulation's model, step by step."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import sqlalchemy as sa

from services.douyin import store
from services.douyin.actions.claiming import LEASE
from services.douyin.actions.echoes import bind
from services.douyin.domain.attempts import State
from shared.db import ALL_TENANTS, Tx
from tests.simulation import attempts as model
from tests.simulation import echoes as echoes_model

HISTORIES = 150
STEPS = 14
_ROOM = 4
_HOUR = timedelta(hours=1)
_APP = sa.text(
    "INSERT INTO app (organization_id, client_key, secrets) VALUES ('org_1', 'key', '{sealed}')"
)
_BIND = sa.text(
    "INSERT INTO binding (organization_id, account_id, client_key, open_id)"
    " VALUES ('org_1', :account, 'key', :account)"
)
_SHOW = sa.text(
    "INSERT INTO inbound (organization_id, account_id, client_key, event, dedupe_key, id, state, kind,"
    " received_at) VALUES ('org_1', :account, 'key', 'im_send_msg', :id, :id, 'handled', 'text', now())"
    " ON CONFLICT DO NOTHING"
)
_ROWS = sa.text(
    "SELECT operation_id, item, state, tries, msg_id, echo_id, reason, content_freed, seq"
    " FROM attempt WHERE account_id = :account"
)
_LATE = sa.text(
    "UPDATE attempt SET lease_until = now() - interval '1 second'"
    " WHERE account_id = :account AND state = 'sending'"
)
_DUE = sa.text(
    "UPDATE attempt SET next_try_at = now() WHERE account_id = :account AND state = 'queued'"
)


class History:
    """One account in PostgreSQL, and its twin in memory."""

    def __init__(self, seed: int) -> None:
        self.random, self.account = Random(seed), f"acc_{seed}"
        self.table, self.now = model.Table(), datetime.now(UTC)
        self.opened_at = self.now
        self.claims: list[tuple[store.Claimed, store.Claimed]] = []  # of SQL, of the model
        self.log: list[str] = []
        self._number = 0

    def new_number(self) -> int:
        self._number += 1
        return self._number

    def conversations(self) -> list[store.Conversation]:
        return [store.Conversation("org_1", self.account, f"conv_{n}") for n in (1, 2)]

    def keep(self, by_sql: list[store.Claimed], by_model: list[store.Claimed]) -> None:
        """Both must have claimed the same."""
        twins = {(c.operation_id, c.item): c for c in by_model}
        assert {(c.operation_id, c.item, c.tries) for c in by_sql} == {
            (c.operation_id, c.item, c.tries) for c in by_model
        }, self.log
        self.claims += [(c, twins[c.operation_id, c.item]) for c in by_sql]

    def moved(self, by_sql: list[store.Moved], by_model: list[model.Attempt]) -> None:
        """Both must have moved the same."""
        told = [(m.operation_id, m.item, m.state, m.seq, m.msg_id, m.reason) for m in by_sql]
        assert sorted(told, key=str) == sorted(
            ((*a.key, a.state.value, a.seq, a.msg_id, a.reason) for a in by_model),
            key=str,
        ), self.log

    # ------------------------------------------------------------------------------- steps

    async def request(self, tx: Tx) -> None:
        """A send is asked for."""
        random, operation = self.random, f"op_{self.new_number()}"
        conversation = f"conv_{random.randint(1, 2)}"
        opened = self.opened_at + random.choice((0, 0, 0, 1)) * timedelta(minutes=self._number)
        expires = self.now + (_HOUR if random.random() < 0.8 else -_HOUR)
        known = [key[0] for key in self.table.rows]
        supersedes = random.choice(known) if known and random.random() < 0.3 else None
        new = [
            self._new(operation, item, conversation, (opened, expires), supersedes)
            for item in range(random.randint(1, 3))
        ]
        here = [store.Conversation("org_1", self.account, conversation)]
        await store.lock_conversations(tx, here)
        busy = await store.busy(tx, here)
        occupied = model.busy(self.table, [conversation])
        assert {c.conversation_id for c in busy} == occupied, self.log
        going = [] if busy else new[:1]
        number = self.new_number()
        claimed = await store.insert_attempts(tx, new, going, LEASE, number)
        twins = model.insert(self.table, new, going, self.now, number)
        if busy:
            freed = await store.free_content(tx, new[:1])
            assert len(freed) == model.free_content(self.table, new[:1]), self.log
            claimed += await store.claim_next(tx, busy, LEASE, number, _ROOM)
            twins += model.claim_next(self.table, sorted(occupied), self.now, number, _ROOM)
        self.keep(claimed, twins)

    def _new(
        self,
        operation: str,
        item: int,
        conversation: str,
        times: tuple[datetime, datetime],
        supersedes: str | None,
    ) -> store.NewAttempt:
        text = self.random.choice(("one", "two", f"{operation}.{item}"))
        return store.NewAttempt(
            organization_id="org_1",
            account_id=self.account,
            operation_id=operation,
            item=item,
            reservation_id=f"rsv_{operation}",
            conversation_id=conversation,
            open_id="fan",
            scene="im_reply_msg",
            reply_to="@m",
            kind="text",
            content=text,
            content_hash=text,
            window_opened_at=times[0],
            expires_at=times[1],
            cause="evt",
            trace="",
            supersedes=supersedes,
        )

    async def settle(self, tx: Tx) -> None:
        """A try ends, perhaps one whose claim was lost long ago."""
        if not self.claims:
            return
        random = self.random
        of_sql, of_model = random.choice(self.claims[-3:])
        state = random.choice((State.SENT, State.FAILED, State.UNKNOWN, State.QUEUED))
        is_back = state is State.QUEUED
        how = store.Settlement(
            of_sql,
            state,
            random.choice((None, "why")),
            msg_id=f"@m{self.new_number()}" if state is State.SENT else None,
            pause=random.choice((0.0, 60.0)) if is_back else 0.0,
            untried=random.randint(0, 1) if is_back else 0,
        )
        self.log.append(f"{of_sql.operation_id}/{of_sql.item} ends {state}, untried {how.untried}")
        here = self.conversations()
        await store.lock_conversations(tx, here)
        moved = await store.settle(tx, [how])
        moved += await store.drop_rest(tx, moved)
        twins = model.settle(self.table, [replace(how, claimed=of_model)], self.now)
        twins += model.drop_rest(self.table, twins)
        self.moved(moved, twins)
        await self._claim(tx)

    async def _claim(self, tx: Tx) -> None:
        here = self.conversations()
        number = self.new_number()
        claimed = await store.claim_next(tx, here, LEASE, number, _ROOM)
        names = [c.conversation_id for c in here]
        self.keep(claimed, model.claim_next(self.table, names, self.now, number, _ROOM))

    async def find(self, tx: Tx) -> None:
        """The word of a commit was lost: what it claimed is looked for."""
        if not self.claims:
            return
        number = self.random.choice(self.claims[-3:])[0].claim
        here = self.conversations()
        await store.lock_conversations(tx, here)
        found = await store.find_claimed(tx, here, LEASE, number)
        self.keep(found, model.find_claimed(self.table, self.now, number))

    async def echo(self, tx: Tx) -> None:
        """The platform shows messages, new ones or the same again."""
        echoes = [self._echo(tx) for _ in range(self.random.randint(1, 2))]
        echoes = list({e.message_id: e for e in echoes}.values())
        twins = [
            replace(e, arrived_at=self.now if e.arrived_at == tx.now else self.now - _HOUR)
            for e in echoes
        ]
        await store.lock_conversations(tx, self.conversations())
        for echo in echoes:
            if self.random.random() < 0.7:  # the door stored it
                await tx.change(_SHOW, {"account": self.account, "id": echo.message_id})
                self.table.shown.add(echo.message_id)
        known = await store.already_bound(tx, [e.key for e in echoes])
        assert {key[2] for key in known} == echoes_model.already_bound(self.table, twins), self.log
        for echo in echoes:
            repeated = await store.only_repeated(tx, [echo.key])
            assert bool(repeated) == echoes_model.only_repeated(self.table, echo.message_id), (
                self.log
            )
        left = [e for e in echoes if e.key not in known]
        if not left:
            return
        resolved, unbound = await bind(tx, left)
        moved, over = echoes_model.bind(self.table, twins)
        self.moved([r.moved for r in resolved], moved)
        assert {e.message_id for e in unbound} == {e.message_id for e in over}, self.log

    def _echo(self, tx: Tx) -> store.Echo:
        random, rows = self.random, list(self.table.rows.values())
        text, conversation = "one", "conv_1"
        if rows:
            a = random.choice(rows)
            text, conversation = a.new.content_hash, a.new.conversation_id
        ids = [a.msg_id for a in rows if a.msg_id] or ["@none"]
        message_id = random.choice(ids) if random.random() < 0.4 else f"@e{self.new_number()}"
        arrived = tx.now - _HOUR if random.random() < 0.2 else tx.now
        self.log.append(f"echo {message_id} of {text} in {conversation}")
        return store.Echo("org_1", self.account, message_id, conversation, text, tx.now, arrived)

    async def lose(self, tx: Tx) -> None:
        """A process died long ago."""
        await tx.change(_LATE, {"account": self.account})
        for a in list(self.table.rows.values()):
            if a.state is State.SENDING:
                self.table.put(replace(a, lease_until=self.now - _HOUR))
        dead = await store.conversations_of_the_dead(tx)
        await store.lock_conversations(tx, dead)
        lost = await store.lose_leases(tx, dead)
        lost += await store.drop_rest(tx, lost)
        twins = model.lose_leases(self.table, self.now)
        self.moved(lost, twins + model.drop_rest(self.table, twins))

    async def become_due(self, tx: Tx) -> None:
        """Pauses end."""
        await tx.change(_DUE, {"account": self.account})
        for a in list(self.table.rows.values()):
            if a.state is State.QUEUED:
                self.table.put(replace(a, next_try_at=self.now))
        await store.lock_conversations(tx, self.conversations())
        await self._claim(tx)

    async def expire(self, tx: Tx) -> None:
        """Windows are over."""
        self.moved(await store.expire_queued(tx), model.expire_queued(self.table, self.now))
        freed = await store.free_old_content(tx, timedelta(hours=24))
        assert freed == model.free_old_content(self.table, self.now, timedelta(hours=24)), self.log

    async def compare(self, tx: Tx) -> None:
        """Every row of both."""
        rows = {tuple(row) for row in await tx.execute(_ROWS, {"account": self.account})}
        assert rows == {
            (*a.key, a.state.value, a.tries, a.msg_id, a.echo_id, a.reason, a.freed, a.seq)
            for a in self.table.rows.values()
        }, self.log


async def test_every_history_ends_the_same_in_sql_and_in_the_model(
    worlds: Callable[..., Any],
) -> None:
    async with worlds("douyin") as world:
        database = world.resources.database("douyin")
        async with database.transaction(ALL_TENANTS) as tx:
            await tx.change(_APP)
        for seed in range(HISTORIES):
            history = History(seed)
            async with database.transaction(ALL_TENANTS) as tx:
                await tx.change(_BIND, {"account": history.account})
            steps = (
                *[history.request] * 3,
                *[history.settle] * 4,
                *[history.echo] * 3,
                history.lose,
                history.become_due,
                history.find,
                history.expire,
            )
            for step in history.random.choices(steps, k=STEPS):
                history.log.append(f"seed {seed}: {step.__name__}")
                history.now += timedelta(microseconds=1)
                async with database.transaction(ALL_TENANTS) as tx:
                    await step(tx)
                    await history.compare(tx)
            await world.sql("DELETE FROM douyin.attempt")
