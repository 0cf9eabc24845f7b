"""Who answers first: the table of precedence with an account's rules in it."""

from services.direct_messages import actions
from services.direct_messages.api.callers import MessageDeps, Reader
from services.direct_messages.domain.precedence import AMONG_EQUALS, HAND_OFF_WORDS, TABLE, step_of
from shared.errors import NotFound
from shared.http.errors import errors
from shared.http.models import Id, ResponseModel
from shared.http.routing import Router

router = Router(tags=["rules"])


class StepOut(ResponseModel):
    """One row: a lower step comes first. `rules` are the account's at this step, the first one first."""

    step: int
    name: str
    says: str
    says_zh: str
    rules: list[str]


class Precedence(ResponseModel):
    """At most one rule fires for what a fan did: the first of the table whose conditions hold."""

    rule_set: int
    among_equals: str
    hand_off_words: list[str]
    steps: list[StepOut]


@router.get(
    "/v1/accounts/{account_id}/rule-precedence",
    operation_id="get_rule_precedence",
    responses=errors(NotFound),
)
async def get_rule_precedence(account_id: Id, caller: Reader, deps: MessageDeps) -> Precedence:
    """The one table of who answers first."""
    version, rules = await actions.list_rules(deps, (caller.organization_id, account_id))
    firing = [rule for rule in rules if rule.fires]
    return Precedence(
        rule_set=version,
        among_equals=AMONG_EQUALS,
        hand_off_words=list(HAND_OFF_WORDS),
        steps=[
            StepOut(
                step=rank.step,
                name=rank.name,
                says=rank.says,
                says_zh=rank.says_zh,
                rules=[rule.id for rule in firing if step_of(rule) == rank.step],
            )
            for rank in TABLE
        ],
    )
