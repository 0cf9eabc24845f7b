"""Auto-reply rules of an account."""

from datetime import datetime
from typing import Any

from fastapi import Response

from services.direct_messages import actions
from services.direct_messages.actions import TooManyRules
from services.direct_messages.api.callers import Keeper, MessageDeps, Reader
from services.direct_messages.api.grammar import RuleIn, definition_of
from services.direct_messages.api.items import ReplyItemOut, item_out
from services.direct_messages.domain.conditions import (
    dump_conditions,
)
from services.direct_messages.domain.effects import dump_effect
from services.direct_messages.domain.rules import (
    Definition,
    Match,
    MessageKind,
    Mode,
    Rule,
    Trigger,
    dump_place,
)
from shared.errors import Invalid, NotFound, PreconditionFailed, PreconditionRequired
from shared.http.errors import errors
from shared.http.idempotency import (
    IdempotencyKeyInUse,
    IdempotencyKeyReused,
    Once,
    OptionalKey,
)
from shared.http.models import Id, ResponseModel
from shared.http.routing import Router
from shared.http.versions import RequiredVersion, etag

router = Router(tags=["rules"])


class DefinitionOut(ResponseModel):
    """What a rule waits for and what it sends."""

    name: str
    trigger: Trigger
    match: Match | None
    keywords: list[str]
    pattern: str | None
    mode: Mode
    replies: list[ReplyItemOut]
    hand_off: bool
    priority: int
    enabled: bool
    kinds: list[MessageKind]
    conditions: dict[str, Any]
    effects: list[dict[str, Any]]
    menu: dict[str, Any] | None
    after_minutes: int | None
    claim_reason: str | None


class RuleOut(DefinitionOut):
    """A rule; its ETag is the version in quotes. `paused` says why Siyu put it aside."""

    id: str
    version: int
    paused: str | None
    created_at: datetime
    updated_at: datetime


class RuleList(ResponseModel):
    """All rules, in the order in which they are asked; `version` counts changes of the set."""

    version: int
    data: list[RuleOut]


@router.get(
    "/v1/accounts/{account_id}/rules",
    operation_id="list_rules",
    responses=errors(NotFound),
)
async def list_rules(account_id: Id, caller: Reader, deps: MessageDeps) -> RuleList:
    """Every rule of the account, in precedence order."""
    version, rules = await actions.list_rules(deps, (caller.organization_id, account_id))
    return RuleList(version=version, data=[rule_out(rule) for rule in rules])


@router.post(
    "/v1/accounts/{account_id}/rules",
    operation_id="add_rule",
    status_code=201,
    responses=errors(*(NotFound, Invalid, TooManyRules, IdempotencyKeyReused, IdempotencyKeyInUse)),
)
async def add_rule(
    account_id: Id,
    body: RuleIn,
    key: OptionalKey,
    caller: Keeper,
    deps: MessageDeps,
    response: Response,
) -> RuleOut:
    """Add a rule. It holds for what fans do from now on."""
    account = (caller.organization_id, account_id)
    once = Once(key, rule_out)
    rule = await actions.add_rule(deps, account, definition_of(body), caller.key_id, once)
    response.headers["Location"] = f"/v1/accounts/{account_id}/rules/{rule.id}"
    return _tagged(rule, response)


@router.get(
    "/v1/accounts/{account_id}/rules/{rule_id}",
    operation_id="get_rule",
    responses=errors(NotFound),
)
async def get_rule(
    account_id: Id, rule_id: Id, caller: Reader, deps: MessageDeps, response: Response
) -> RuleOut:
    """One rule."""
    rule = await actions.find_rule(deps, (caller.organization_id, account_id), rule_id)
    return _tagged(rule, response)


@router.put(
    "/v1/accounts/{account_id}/rules/{rule_id}",
    operation_id="change_rule",
    responses=errors(NotFound, Invalid, PreconditionRequired, PreconditionFailed),
)
async def change_rule(  # noqa: PLR0913, PLR0917  each one is a part of the request
    account_id: Id,
    rule_id: Id,
    body: RuleIn,
    caller: Keeper,
    deps: MessageDeps,
    response: Response,
    expected: RequiredVersion,
) -> RuleOut:
    """Replace a rule, if nobody changed it meanwhile."""
    account = (caller.organization_id, account_id)
    wanted = (expected, definition_of(body))
    rule = await actions.change_rule(deps, account, rule_id, wanted, caller.key_id)
    return _tagged(rule, response)


@router.delete(
    "/v1/accounts/{account_id}/rules/{rule_id}",
    operation_id="delete_rule",
    status_code=204,
    responses=errors(NotFound, PreconditionRequired, PreconditionFailed),
)
async def delete_rule(
    account_id: Id, rule_id: Id, caller: Keeper, deps: MessageDeps, expected: RequiredVersion
) -> None:
    """Delete a rule. Earlier decisions still know what it said."""
    account = (caller.organization_id, account_id)
    await actions.delete_rule(deps, account, rule_id, expected, caller.key_id)


def definition_out(definition: Definition) -> DefinitionOut:
    """The definition as people see it."""
    return DefinitionOut(**_facts(definition))


def rule_out(rule: Rule) -> RuleOut:
    """The rule as people see it."""
    return RuleOut(
        **_facts(rule.definition),
        id=rule.id,
        version=rule.version,
        paused=rule.paused,
        created_at=rule.created_at,
        updated_at=rule.updated_at,
    )


def _facts(definition: Definition) -> dict[str, Any]:
    return {
        "name": definition.name,
        "trigger": definition.trigger,
        "match": definition.match,
        "keywords": list(definition.keywords),
        "pattern": definition.pattern,
        "mode": definition.mode,
        "replies": [item_out(reply) for reply in definition.replies],
        "hand_off": definition.hand_off,
        "priority": definition.priority,
        "enabled": definition.enabled,
        "kinds": list(definition.kinds),
        "conditions": dump_conditions(definition.conditions),
        "effects": [dump_effect(effect) for effect in definition.effects],
        "menu": dump_place(definition.menu),
        "after_minutes": definition.after_minutes,
        "claim_reason": definition.claim_reason,
    }


def _tagged(rule: Rule, response: Response) -> RuleOut:
    response.headers["ETag"] = etag(rule.version)
    return rule_out(rule)
