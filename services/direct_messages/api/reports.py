"""What rules did in the last days, for whoever looks after them."""

from collections import defaultdict
from datetime import datetime
from typing import Annotated

from fastapi import Query

from services.direct_messages import actions
from services.direct_messages.actions import Report
from services.direct_messages.api.callers import MessageDeps, Reader
from services.direct_messages.domain.conversations import Owner
from shared.errors import NotFound
from shared.http.errors import errors
from shared.http.models import Id, ResponseModel
from shared.http.routing import Router

router = Router(tags=["rules"])
_BOT, _PEOPLE = ("bot",), ("person", "app")


class RuleHits(ResponseModel):
    """How often a rule was the one that fired, and what came of it. `name` null: it is gone."""

    rule_id: str
    name: str | None
    paused: str | None
    hits: int
    outcomes: dict[str, int]


class UnmatchedOut(ResponseModel):
    """What was said that no rule but the default answered."""

    text: str
    count: int
    message_id: str


class UnansweredOut(ResponseModel):
    """A conversation whose last word is the fan's."""

    conversation_id: str
    fan_open_id: str
    owner: Owner
    since: datetime


class RuleReport(ResponseModel):
    """Since `since`: what fans did, what rules made of it, who answered, what waits.

    `reply_rate`: of what fans did, the share that a rule answered. `bot_share`: of all answers, the bot's.
    """

    since: datetime
    inbound: int
    outcomes: dict[str, int]
    reply_rate: float | None
    answers_of_bot: int
    answers_of_people: int
    bot_share: float | None
    rules: list[RuleHits]
    never_hit: list[str]
    unmatched: list[UnmatchedOut]
    unanswered: list[UnansweredOut]


@router.get(
    "/v1/accounts/{account_id}/rule-report",
    operation_id="get_rule_report",
    responses=errors(NotFound),
)
async def get_rule_report(
    account_id: Id,
    caller: Reader,
    deps: MessageDeps,
    days: Annotated[int, Query(ge=1, le=366, description="How far back")] = 7,
) -> RuleReport:
    """Hits by rule, reply rate, bot and people, what waits, and which rule is missing."""
    account = (caller.organization_id, account_id)
    return _report_out(await actions.report_rules(deps, account, days))


def _report_out(found: Report) -> RuleReport:
    outcomes: dict[str, int] = defaultdict(int)
    for one in found.hits:
        outcomes[one.outcome] += one.count
    inbound = sum(outcomes.values())
    bot, people = _answers(found, _BOT), _answers(found, _PEOPLE)
    hit = {one.rule_id for one in found.hits}
    return RuleReport(
        since=found.since,
        inbound=inbound,
        outcomes=dict(outcomes),
        reply_rate=_share(outcomes["replied"], inbound),
        answers_of_bot=bot,
        answers_of_people=people,
        bot_share=_share(bot, bot + people),
        rules=_rules_out(found),
        never_hit=[rule.id for rule in found.rules if rule.fires and rule.id not in hit],
        unmatched=[
            UnmatchedOut(text=u.text, count=u.count, message_id=u.message_id)
            for u in found.unmatched
        ],
        unanswered=[
            UnansweredOut(
                conversation_id=u.id,
                fan_open_id=u.fan_open_id,
                owner=Owner(u.owner),
                since=u.last_inbound_at,
            )
            for u in found.unanswered
        ],
    )


def _rules_out(found: Report) -> list[RuleHits]:
    """The rules that fired, the busiest first."""
    known = {rule.id: rule for rule in found.rules}
    by_rule: dict[str, dict[str, int]] = defaultdict(dict)
    for one in found.hits:
        if one.rule_id:
            by_rule[one.rule_id][one.outcome] = one.count
    counted = [
        RuleHits(
            rule_id=rule_id,
            name=known[rule_id].definition.name if rule_id in known else None,
            paused=known[rule_id].paused if rule_id in known else None,
            hits=sum(outcomes.values()),
            outcomes=outcomes,
        )
        for rule_id, outcomes in by_rule.items()
    ]
    return sorted(counted, key=lambda rule: (-rule.hits, rule.rule_id))


def _answers(found: Report, actors: tuple[str, ...]) -> int:
    return sum(s.count for s in found.spoken if s.actor in actors and s.state != "failed")


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
