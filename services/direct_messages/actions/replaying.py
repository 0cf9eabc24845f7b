"""Try rules: on one message, or on everything that fans did before. Nothing is sent or changed."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final

from services.direct_messages import store
from services.direct_messages.actions.deps import Deps
from services.direct_messages.domain.changes import applied
from services.direct_messages.domain.decisions import decide
from services.direct_messages.domain.matching import CompiledRules, compile_rules
from services.direct_messages.domain.policy import Policy, policy_of
from services.direct_messages.domain.records import case_of, decide_again, form_of
from services.direct_messages.domain.replaying import Screen, Tally
from services.direct_messages.domain.rules import Rule
from services.direct_messages.domain.texts import Form
from services.direct_messages.store import Account, Asked, Replay
from shared import ids
from shared.db import ALL_TENANTS, Tx
from shared.errors import NotFound
from shared.http.idempotency import EACH_TIME, Once

_BATCH: Final = 1_000  # about ten milliseconds of work between two looks at the clock
_SECONDS: Final = 12  # of one tick


@dataclass(slots=True)
class _Shelf:
    """Rules and policies of one account, each made ready once."""

    account: Account
    rules: dict[tuple[int, Form], CompiledRules] = field(default_factory=dict)
    policies: dict[int, Policy] = field(default_factory=dict)

    async def fetch(self, tx: Tx, records: Sequence[dict[str, Any]]) -> None:
        """Have the policies of these records, and their rules."""
        policies = {r["policy_version"] for r in records} - self.policies.keys()
        wanted = {(*self.account, version) for version in policies}
        for key, values in (await store.policy_values(tx, wanted)).items():
            self.policies[key[2]] = policy_of(key[2], values)

    async def fetch_rules(self, tx: Tx, records: Sequence[dict[str, Any]]) -> None:
        """Have the rule sets of these records."""
        sets = {(r["rule_set_version"], form_of(r)) for r in records} - self.rules.keys()
        keys = {(*self.account, version) for version, _ in sets}
        found = await store.rule_sets(tx, keys) if keys else {}
        for version, form in sets:
            rules = found.get((*self.account, version), [])
            self.rules[version, form] = compile_rules(version, rules, form)


@dataclass(slots=True)
class _Stage:
    """What a replay is played with."""

    shelf: _Shelf
    before: CompiledRules
    after: CompiledRules | None = None  # none: each record with its own rules
    screen: Screen | None = None


async def ask_replay(
    deps: Deps,
    account: Account,
    asked: tuple[int, str, str],
    *,
    of_draft: bool,
    once: Once[Replay] = EACH_TIME,
) -> Replay:
    """Begin a replay of the draft against what is live, or of records; `asked`: days, kind, words.

    Raises NotFound, Replayed.
    """
    days, kind, containing = asked
    async with deps.database.transaction(account[0], seconds=60) as tx:
        await once.begin(tx, account[0])
        head = (await store.heads(tx, [account])).get(account)
        if head is None:
            raise NotFound("no such account")
        changes = (await store.draft(tx, account)).changes if of_draft else None
        wanted = Asked(tx.now - timedelta(days=days), kind, containing)
        made = await store.add_replay(tx, account, ids.new("rply"), wanted, (head[1], changes))
        await once.keep(tx, account[0], made)
        return made


async def find_replay(
    deps: Deps, account: Account, replay_id: str
) -> tuple[Replay, dict[str, str | None]]:
    """A replay, and what was said in its examples. Raises NotFound."""
    async with deps.database.transaction(account[0]) as tx:
        found = await store.replay(tx, account, replay_id)
        if found is None:
            raise NotFound("no such replay")
        examples = [example["message_id"] for example in found.result["examples"]]
        return found, await store.texts(tx, account, examples) if examples else {}


async def run_replays(deps: Deps) -> None:
    """Go on with the oldest replay for a while; what is done is kept with every batch."""
    until, stages = time.monotonic() + _SECONDS, dict[str, _Stage]()
    while time.monotonic() < until:
        async with deps.database.transaction(ALL_TENANTS, seconds=15) as tx:
            found = await store.next_replay(tx)
            if found is None:
                return
            stage = stages.get(found.id) or await _stage(tx, found)
            stages = {found.id: stage}
            await _step(tx, found, stage)
        await asyncio.sleep(0)  # others are waiting too


async def _stage(tx: Tx, found: Replay) -> _Stage:
    shelf = _Shelf(found.account)
    key = (*found.account, found.rule_set)
    live: list[Rule] = (await store.rule_sets(tx, [key])).get(key, [])
    before = compile_rules(found.rule_set, live)
    if (changes := found.draft) is None:
        return _Stage(shelf, before)
    after = applied(live, changes, found.created_at).rules
    return _Stage(shelf, before, compile_rules(found.rule_set, after), Screen(live, after))


async def _step(tx: Tx, found: Replay, stage: _Stage) -> None:
    batch = await store.replay_batch(tx, found, _BATCH)
    said = {message_id: text for message_id, _, text in batch}
    tally = found.tally
    tally.done += len(batch)
    screen = stage.screen
    wanted = [i for i, kind, text in batch if screen is None or screen.lets_through(kind, text)]
    records = await store.records(tx, found.account, wanted) if wanted else {}
    await stage.shelf.fetch(tx, list(records.values()))
    if stage.after is None:
        await stage.shelf.fetch_rules(tx, list(records.values()))
    for message_id, record in records.items():
        _play(stage, tally, message_id, record, said[message_id])
    reached = batch[-1][0] if batch else found.last
    await store.go_on(tx, found, reached, tally, is_done=len(batch) < _BATCH)


def _play(
    stage: _Stage, tally: Tally, message_id: str, record: dict[str, Any], text: str | None
) -> None:
    policy = stage.shelf.policies[record["policy_version"]]
    if stage.after is None:
        rules = stage.shelf.rules[record["rule_set_version"], form_of(record)]
        tally.check(message_id, record, decide_again(record, text, rules, policy))
        return
    case = case_of(record, text, stage.before, policy)
    tally.note(message_id, decide(case), decide(replace(case, rules=stage.after)))
