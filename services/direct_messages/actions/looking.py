"""What people look at."""

from dataclasses import dataclass
from datetime import datetime

from services.direct_messages import store
from services.direct_messages.actions.deps import Deps
from services.direct_messages.domain import conversations as domain
from services.direct_messages.domain.conversations import Conversation, Owner
from services.direct_messages.domain.handing_over import HandOff
from services.direct_messages.domain.messages import Message, Operation
from services.direct_messages.domain.rules import Rule
from services.direct_messages.store import Account, AskedHandOffs, Moment, StoredDecision
from shared.db import Tx
from shared.errors import NotFound


@dataclass(frozen=True, slots=True)
class Story:
    """All that is known of one decision."""

    message: Message
    decision: StoredDecision
    rule: Rule | None  # as it was then
    operation: Operation | None
    items: list[Message]


async def list_conversations(
    deps: Deps, account: Account, fan: str, before: str, most: int
) -> list[tuple[Conversation, Owner]]:
    """Conversations of the account, the newest first, each with who owns it now. Raises NotFound."""
    async with deps.database.transaction(account[0]) as tx:
        if account not in await store.heads(tx, [account]):
            raise NotFound("no such account")
        found = await store.list_conversations(tx, account, fan, before, most)
        return await _with_owners(deps, tx, found)


async def find_conversation(
    deps: Deps, organization_id: str, conversation_id: str
) -> tuple[Conversation, Owner]:
    """One conversation and who owns it now. Raises NotFound."""
    async with deps.database.transaction(organization_id) as tx:
        found = await _conversation(tx, organization_id, conversation_id)
        return (await _with_owners(deps, tx, [found]))[0]


async def list_hand_offs(deps: Deps, organization_id: str, asked: AskedHandOffs) -> list[HandOff]:
    """What waits for people and what they have, the oldest first."""
    async with deps.database.transaction(organization_id) as tx:
        return await store.list_hand_offs(tx, organization_id, asked)


async def read_timeline(
    deps: Deps,
    organization_id: str,
    conversation_id: str,
    before: tuple[datetime, str],
    most: int,
) -> list[Moment]:
    """What happened in a conversation, the newest first. Raises NotFound."""
    async with deps.database.transaction(organization_id) as tx:
        found = await _conversation(tx, organization_id, conversation_id)
        return await store.timeline(tx, found, before, most)


async def tell_decision(deps: Deps, organization_id: str, message_id: str) -> Story:
    """The story of the decision on a message, or on the one that it answers. Raises NotFound."""
    async with deps.database.transaction(organization_id) as tx:
        message = await store.message(tx, organization_id, message_id)
        if message is not None and message.answers is not None:
            message = await store.message(tx, organization_id, message.answers)
        if message is None:
            raise NotFound("no such message")
        account = (organization_id, message.account_id)
        decision = await store.decision(tx, *account, message.id)
        if decision is None:
            raise NotFound("nothing was decided on this message: a person wrote it")
        operation, items = None, []
        if decision.operation_id is not None:
            operation = await store.operation(tx, *account, decision.operation_id)
            items = await store.items(tx, *account, decision.operation_id)
        rule = await _rule_then(tx, account, decision)
        return Story(message, decision, rule, operation, items)


async def _rule_then(tx: Tx, account: Account, decision: StoredDecision) -> Rule | None:
    if decision.rule_id is None:
        return None
    version = (*account, int(decision.record["rule_set_version"]))
    rules = (await store.rule_sets(tx, [version])).get(version, [])
    return next((rule for rule in rules if rule.id == decision.rule_id), None)


async def _conversation(tx: Tx, organization_id: str, conversation_id: str) -> Conversation:
    found = await store.conversation(tx, organization_id, conversation_id)
    if found is None:
        raise NotFound("no such conversation")
    return found


async def owner_now(deps: Deps, tx: Tx, conversation: Conversation) -> Owner:
    """Who owns the conversation, when a person may have fallen silent."""
    return (await _with_owners(deps, tx, [conversation]))[0][1]


async def _with_owners(
    deps: Deps, tx: Tx, found: list[Conversation]
) -> list[tuple[Conversation, Owner]]:
    accounts = {(c.organization_id, c.account_id) for c in found}
    settings = await deps.catalogue.settings(tx, accounts)
    owners = []
    for conversation in found:
        setting = settings.get((conversation.organization_id, conversation.account_id))
        now = conversation.owner
        if setting is not None:
            now = domain.owner_at(conversation, setting.policy, tx.now)
        owners.append((conversation, now))
    return owners
