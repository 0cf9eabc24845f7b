"""Dry run: what the published rules and the draft would make of one thing that a fan does."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.direct_messages import store
from services.direct_messages.actions.deps import Deps
from services.direct_messages.domain.cases import Case, Decision, FanFacts, Inbound, Wait
from services.direct_messages.domain.changes import applied
from services.direct_messages.domain.conditions import Tier
from services.direct_messages.domain.conversations import Conversation, Source
from services.direct_messages.domain.decisions import decide
from services.direct_messages.domain.matching import compile_rules
from services.direct_messages.domain.rules import Trigger
from services.direct_messages.store import Account
from shared.db import Tx
from shared.errors import NotFound
from shared.http.idempotency import EACH_TIME, Once

_NOBODY = "somebody-new"


@dataclass(frozen=True, slots=True)
class Trial:
    """What a fan would do. Without a conversation it is somebody new."""

    trigger: Trigger  # message, enter, follow, lead or no_answer
    text: str | None
    kind: str  # of a message, the platform's word
    conversation_id: str | None
    follows: bool | None  # none: as it is known
    tier: Tier | None
    source: Source | None
    waited_minutes: int  # of no_answer


async def try_rules(
    deps: Deps,
    account: Account,
    trial: Trial,
    once: Once[tuple[Decision, Decision]] = EACH_TIME,
) -> tuple[Decision, Decision]:
    """The decisions of the published rules and of the draft. Raises NotFound, Replayed.

    Quota is not asked: an answer may still be refused for it.
    """
    async with deps.database.transaction(account[0]) as tx:
        await once.begin(tx, account[0])
        setting = (await deps.catalogue.settings(tx, [account])).get(account)
        if setting is None:
            raise NotFound("no such account")
        talk = await _conversation(tx, account, trial)
        fan = (*account, talk.fan_open_id)
        facts = (await store.fan_facts(tx, [fan])).get(fan, FanFacts())
        rules = await store.rules(tx, *account)
        drafted = applied(rules, (await store.draft(tx, account)).changes, tx.now).rules
        case = Case(
            inbound=_inbound(trial, talk, tx),
            conversation=talk,
            facts=_facts(facts, trial, tx),
            rules=setting.rules,
            policy=setting.policy,
            now=tx.now,
            seed="trial",
        )
        compiled = compile_rules(setting.rules.version, drafted)
        made = decide(case), decide(replace(case, rules=compiled))
        await once.keep(tx, account[0], made)
        return made


async def _conversation(tx: Tx, account: Account, trial: Trial) -> Conversation:
    if trial.conversation_id is None:
        talk = Conversation(*account, "conv_trial", _NOBODY, "trial", 0, tx.now)
        if trial.trigger is not Trigger.NO_ANSWER:
            return talk
        return replace(talk, last_inbound_id="trial", last_inbound_at=_since(trial, tx))
    found = await store.conversation(tx, account[0], trial.conversation_id)
    if found is None or found.account_id != account[1]:
        raise NotFound("no such conversation")
    return found


def _facts(known: FanFacts, trial: Trial, tx: Tx) -> FanFacts:
    if trial.follows is not None:
        known = FanFacts(trial.follows, tx.now, 1, known.tier)
    return known if trial.tier is None else replace(known, tier=trial.tier)


def _since(trial: Trial, tx: Tx) -> datetime:
    return tx.now - timedelta(minutes=trial.waited_minutes)


def _inbound(trial: Trial, talk: Conversation, tx: Tx) -> Inbound:
    return Inbound(
        trigger=trial.trigger,
        message_id="dm_trial",
        platform_id="trial",
        text=trial.text,
        at=tx.now,
        epoch=(talk.follow_epoch or 0) + 1 if trial.trigger is Trigger.FOLLOW else None,
        kind=trial.kind,
        source=trial.source,
        wait=_wait(trial, tx),
    )


def _wait(trial: Trial, tx: Tx) -> Wait | None:
    if trial.trigger is not Trigger.NO_ANSWER:
        return None
    return Wait(_since(trial, tx), 0, trial.waited_minutes)
