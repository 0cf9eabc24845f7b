"""Agents of an organization: who they are, whether they are there, and for whom a caller acts."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from services.direct_messages import store
from services.direct_messages.actions.assigning import turn
from services.direct_messages.actions.deps import Deps
from services.direct_messages.actions.errors import KeyHasAgent
from services.direct_messages.domain.agents import Agent, Presence, Role
from shared import ids
from shared.db import Conflict, Tx
from shared.errors import Forbidden, Invalid, NotFound
from shared.http.idempotency import EACH_TIME, Once
from shared.http.versions import Precondition, etag

PRESENCE_LEASE: Final = timedelta(minutes=10)  # an agent who is not heard of for longer is gone
_GONE: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Profile:
    """What an organization says of an agent."""

    name: str
    key_id: str | None
    role: Role
    accounts: tuple[str, ...]
    skills: tuple[str, ...]
    capacity: int | None


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: the key's organization, the key, and whether it may act for any agent."""

    organization_id: str
    key_id: str
    manages: bool


async def acting(tx: Tx, caller: Caller, agent_id: str | None) -> Agent:
    """The agent who acts: the key's own, or whom a managing key names.

    Raises NotFound, Invalid, Forbidden.
    """
    own = await store.agent_of_key(tx, caller.organization_id, caller.key_id)
    if own is not None and agent_id in {None, own.id}:
        return own
    if agent_id is None:
        raise Invalid("this key speaks for no agent: name one", pointer="#/agent_id")
    if not caller.manages:
        raise Forbidden("only dm:manage acts for other agents", scope="dm:manage")
    return await _one(tx, caller.organization_id, agent_id)


async def list_agents(deps: Deps, organization_id: str, after: str, most: int) -> list[Agent]:
    """Agents of the organization, the oldest first."""
    async with deps.database.transaction(organization_id) as tx:
        return await store.list_agents(tx, organization_id, after, most)


async def find_agent(deps: Deps, organization_id: str, agent_id: str) -> Agent:
    """One agent. Raises NotFound."""
    async with deps.database.transaction(organization_id) as tx:
        return await _one(tx, organization_id, agent_id)


async def add_agent(
    deps: Deps, organization_id: str, profile: Profile, once: Once[Agent] = EACH_TIME
) -> Agent:
    """A new agent, who is not there yet. Raises KeyHasAgent, Replayed."""
    async with deps.database.transaction(organization_id) as tx:
        await once.begin(tx, organization_id)
        agent = Agent(
            organization_id=organization_id,
            id=ids.new("agt"),
            name=profile.name,
            key_id=profile.key_id,
            role=profile.role,
            accounts=profile.accounts,
            skills=profile.skills,
            capacity=profile.capacity,
            presence=Presence.OFFLINE,
            present_until=_GONE,
            last_offered_at=None,
            version=1,
            created_at=tx.now,
            updated_at=tx.now,
        )
        await _put(tx, agent)
        await once.keep(tx, organization_id, agent)
        return agent


async def change_agent(
    deps: Deps, organization_id: str, agent_id: str, expected: Precondition, profile: Profile
) -> Agent:
    """Another profile, if nobody changed it meanwhile. Raises NotFound, KeyHasAgent."""
    async with deps.database.transaction(organization_id) as tx:
        found = await _one(tx, organization_id, agent_id, lock=True)
        expected.check(etag(found.version))
        changed = replace(
            found,
            name=profile.name,
            key_id=profile.key_id,
            role=profile.role,
            accounts=profile.accounts,
            skills=profile.skills,
            capacity=profile.capacity,
            version=found.version + 1,
            updated_at=tx.now,
        )
        await _put(tx, changed)
        return changed


async def delete_agent(
    deps: Deps, organization_id: str, agent_id: str, expected: Precondition
) -> None:
    """The agent is gone, and what they had goes to others at once. Raises NotFound, PreconditionFailed.

    Whatever is still theirs when this process dies here, or becomes theirs meanwhile, is found by its time.
    """
    async with deps.database.transaction(organization_id) as tx:
        expected.check(etag((await _one(tx, organization_id, agent_id)).version))
        held = await store.make_due(tx, organization_id, agent_id)  # locked before the agent is
        expected.check(etag((await _one(tx, organization_id, agent_id, lock=True)).version))
        await store.drop_agent(tx, organization_id, agent_id)
    for account_id, conversation_id in held:
        await turn(deps, (organization_id, account_id), conversation_id)


async def be_present(
    deps: Deps, caller: Caller, agent_id: str, presence: Presence, expected: Precondition
) -> Agent:
    """The agent is there, or is not, for the next minutes.

    Raises NotFound, Forbidden, PreconditionFailed.
    """
    async with deps.database.transaction(caller.organization_id) as tx:
        agent = await acting(tx, caller, agent_id)
        expected.check(etag(agent.version))
        await store.be_present(tx, caller.organization_id, agent.id, presence, PRESENCE_LEASE)
        return await _one(tx, caller.organization_id, agent_id)


async def _one(tx: Tx, organization_id: str, agent_id: str, *, lock: bool = False) -> Agent:
    found = await store.agent(tx, organization_id, agent_id, lock=lock)
    if found is None:
        raise NotFound("no such agent")
    return found


async def _put(tx: Tx, agent: Agent) -> None:
    try:
        await store.put_agent(tx, agent)
    except Conflict as conflict:
        if conflict.constraint != "uq_agent_key":
            raise
        raise KeyHasAgent("this key speaks for another agent", pointer="#/key_id") from None
