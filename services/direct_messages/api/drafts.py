"""Drafts of rules, and every rule set that was published."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

from fastapi import Path, Response
from pydantic import Field

from services.direct_messages import actions
from services.direct_messages.actions import (
    DraftCrossed,
    NothingToPublish,
    Reviewed,
    RuleSet,
    TooManyRules,
)
from services.direct_messages.api.callers import Keeper, MessageCursors, MessageDeps, Reader
from services.direct_messages.api.grammar import RuleIn, definition_of
from services.direct_messages.api.rules import (
    DefinitionOut,
    RuleOut,
    definition_out,
    rule_out,
)
from services.direct_messages.domain.changes import Change
from services.direct_messages.domain.reviewing import Doubt, Finding
from shared.errors import BadRequest, Invalid, NotFound, PreconditionFailed, PreconditionRequired
from shared.http.errors import errors
from shared.http.idempotency import (
    IdempotencyKeyInUse,
    IdempotencyKeyReused,
    Once,
    OptionalKey,
)
from shared.http.models import Id, RequestModel, ResponseModel, ShortText, Text
from shared.http.pages import AskedPage
from shared.http.routing import Router
from shared.http.versions import RequiredVersion, etag

router = Router(tags=["rules"])
_NEWEST = 2**31 - 1
Version = Annotated[int, Path(ge=0, le=_NEWEST)]


class ChangeIn(RequestModel):
    """What becomes of one rule. Without `rule_id` it is new; without `rule` it is deleted.

    `base_version` is the rule's version that the change was made for; left out, the rule as it is.
    """

    rule_id: ShortText | None = None
    base_version: Annotated[int, Field(ge=1, le=_NEWEST)] | None = None
    rule: RuleIn | None = None


class DraftIn(RequestModel):
    """All changes of the draft; they take the place of the former ones."""

    changes: Annotated[list[ChangeIn], Field(max_length=1000)]


class ChangeOut(ResponseModel):
    """What becomes of one rule; `rule` null deletes it."""

    rule_id: str
    base_version: int | None
    rule: DefinitionOut | None


class FindingOut(ResponseModel):
    """A doubt about a rule that is not wrong: it never fires, or shares words with another."""

    doubt: Doubt
    rule_id: str
    rule: str
    detail: str
    by_rule_id: str | None


class DraftOut(ResponseModel):
    """The draft, and what would come of publishing it now. Its ETag is the version in quotes.

    `crossed` are rules that somebody else changed since: publishing is refused until they are put again.
    """

    version: int
    updated_at: datetime | None
    rule_set: int
    changes: list[ChangeOut]
    crossed: list[str]
    findings: list[FindingOut]
    rules_total: int


class PublishIn(RequestModel):
    """Why; for those who read the list of rule sets later."""

    note: Annotated[Text, Field(max_length=500)] = ""


class RuleSetOut(ResponseModel):
    """One version of the account's rules: why and by whom it was made, how many rules it changed.

    `restores` is the earlier version that it is again.
    """

    version: int
    created_at: datetime
    note: str
    made_by: str
    restores: int | None
    changes: int


class RuleSetPage(ResponseModel):
    """Rule sets, the newest first: the first one is live."""

    data: list[RuleSetOut]
    next_cursor: str | None


class RuleSetWhole(RuleSetOut):
    """A rule set with its rules, in the order in which they were asked."""

    rules: list[RuleOut]


@router.get(
    "/v1/accounts/{account_id}/rule-draft",
    operation_id="get_rule_draft",
    responses=errors(NotFound),
)
async def get_rule_draft(
    account_id: Id, caller: Reader, deps: MessageDeps, response: Response
) -> DraftOut:
    """Changes that are not published yet, with everything doubtful about them."""
    found = await actions.read_draft(deps, (caller.organization_id, account_id))
    return _tagged(found, response)


@router.put(
    "/v1/accounts/{account_id}/rule-draft",
    operation_id="put_rule_draft",
    responses=errors(NotFound, Invalid, TooManyRules, PreconditionRequired, PreconditionFailed),
)
async def put_rule_draft(
    account_id: Id,
    body: DraftIn,
    caller: Keeper,
    deps: MessageDeps,
    response: Response,
    expected: RequiredVersion,
) -> DraftOut:
    """Write the draft. Nothing of it is live before it is published."""
    account = (caller.organization_id, account_id)
    changes = [_change(change) for change in body.changes]
    return _tagged(await actions.put_draft(deps, account, expected, changes), response)


@router.delete(
    "/v1/accounts/{account_id}/rule-draft",
    operation_id="discard_rule_draft",
    status_code=204,
    responses=errors(NotFound, PreconditionRequired, PreconditionFailed),
)
async def discard_rule_draft(
    account_id: Id, caller: Keeper, deps: MessageDeps, expected: RequiredVersion
) -> None:
    """Forget the draft."""
    await actions.discard_draft(deps, (caller.organization_id, account_id), expected)


@router.post(
    "/v1/accounts/{account_id}/rule-sets",
    operation_id="publish_rule_draft",
    status_code=201,
    responses=errors(
        *(NotFound, Invalid, TooManyRules, DraftCrossed, NothingToPublish),
        *(PreconditionRequired, PreconditionFailed, IdempotencyKeyReused, IdempotencyKeyInUse),
    ),
)
async def publish_rule_draft(  # noqa: PLR0913, PLR0917  each one is a part of the request
    account_id: Id,
    body: PublishIn,
    key: OptionalKey,
    caller: Keeper,
    deps: MessageDeps,
    response: Response,
    expected: RequiredVersion,
) -> RuleSetOut:
    """Publish the draft (If-Match: its ETag). It holds for what fans do from now on."""
    account = (caller.organization_id, account_id)
    once = Once(key, _set_out)
    made = await actions.publish_draft(deps, account, expected, body.note, caller.key_id, once)
    response.headers["Location"] = f"/v1/accounts/{account_id}/rule-sets/{made.version}"
    return _set_out(made)


@router.get(
    "/v1/accounts/{account_id}/rule-sets",
    operation_id="list_rule_sets",
    responses=errors(BadRequest, NotFound),
)
async def list_rule_sets(
    account_id: Id, caller: Reader, deps: MessageDeps, cursors: MessageCursors, page: AskedPage
) -> RuleSetPage:
    """Every rule set that the account had; the newest is live."""
    belongs = ("rule-sets", caller.organization_id, account_id)
    before = int(cursors.read(page.cursor, *belongs)[0]) if page.cursor else _NEWEST
    account = (caller.organization_id, account_id)
    found = await actions.list_rule_sets(deps, account, before, page.limit)
    more = cursors.write([found[-1].version], *belongs) if len(found) == page.limit else None
    return RuleSetPage(data=[_set_out(one) for one in found], next_cursor=page.then(more))


@router.get(
    "/v1/accounts/{account_id}/rule-sets/{rule_set}",
    operation_id="get_rule_set",
    responses=errors(NotFound),
)
async def get_rule_set(
    account_id: Id, rule_set: Version, caller: Reader, deps: MessageDeps
) -> RuleSetWhole:
    """One rule set, as it was."""
    account = (caller.organization_id, account_id)
    found, rules = await actions.read_rule_set(deps, account, rule_set)
    return RuleSetWhole(**asdict(found), rules=[rule_out(rule) for rule in rules])


@router.post(
    "/v1/accounts/{account_id}/rule-sets/{rule_set}/restore",
    operation_id="restore_rule_set",
    status_code=201,
    responses=errors(
        *(NotFound, Invalid, NothingToPublish, IdempotencyKeyReused, IdempotencyKeyInUse)
    ),
)
async def restore_rule_set(
    account_id: Id,
    rule_set: Version,
    body: PublishIn,
    key: OptionalKey,
    caller: Keeper,
    deps: MessageDeps,
) -> RuleSetOut:
    """Roll back: a new rule set with the rules of this earlier one."""
    account = (caller.organization_id, account_id)
    once = Once(key, _set_out)
    made = await actions.restore_rule_set(deps, account, rule_set, body.note, caller.key_id, once)
    return _set_out(made)


def _set_out(made: RuleSet) -> RuleSetOut:
    return RuleSetOut(**asdict(made))


def _tagged(found: Reviewed, response: Response) -> DraftOut:
    response.headers["ETag"] = etag(found.draft.version)
    return DraftOut(
        version=found.draft.version,
        updated_at=found.draft.updated_at,
        rule_set=found.rule_set,
        changes=[_change_out(change) for change in found.draft.changes],
        crossed=[change.rule_id for change in found.crossed],
        findings=[_finding_out(finding) for finding in found.findings],
        rules_total=len(found.rules),
    )


def _change(given: ChangeIn) -> Change:
    definition = definition_of(given.rule) if given.rule else None
    return Change(given.rule_id or "", given.base_version, definition)


def _change_out(change: Change) -> ChangeOut:
    rule = definition_out(change.definition) if change.definition else None
    return ChangeOut(rule_id=change.rule_id, base_version=change.base, rule=rule)


def _finding_out(finding: Finding) -> FindingOut:
    return FindingOut(
        doubt=finding.doubt,
        rule_id=finding.rule.id,
        rule=finding.rule.definition.name,
        detail=finding.detail,
        by_rule_id=finding.by.id if finding.by else None,
    )
