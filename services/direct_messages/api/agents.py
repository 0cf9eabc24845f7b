"""Agents of an organization and whether they are there."""

from datetime import datetime
from typing import Annotated

from fastapi import Response
from pydantic import Field

from services.direct_messages import actions
from services.direct_messages.actions import KeyHasAgent, Profile
from services.direct_messages.api.callers import (
    Keeper,
    MessageCursors,
    MessageDeps,
    Reader,
    Sender,
    caller_of,
)
from services.direct_messages.domain.agents import Agent, Presence, Role
from shared.errors import (
    BadRequest,
    Forbidden,
    Invalid,
    NotFound,
    PreconditionFailed,
    PreconditionRequired,
)
from shared.http.errors import errors
from shared.http.idempotency import IdempotencyKeyInUse, IdempotencyKeyReused, Once, OptionalKey
from shared.http.models import FROM_TEXT, Id, RequestModel, ResponseModel, ShortText
from shared.http.pages import AskedPage
from shared.http.routing import Router
from shared.http.versions import RequiredVersion, etag

router = Router(tags=["agents"])


class AgentIn(RequestModel):
    """An agent: `key_id` names the API key that speaks for them, `accounts` none means all."""

    name: ShortText
    key_id: ShortText | None = None
    role: Annotated[Role, FROM_TEXT] = Role.AGENT
    accounts: Annotated[list[ShortText], Field(max_length=200)] = Field(default_factory=list)
    skills: Annotated[list[ShortText], Field(max_length=50)] = Field(default_factory=list)
    capacity: Annotated[int, Field(ge=1, le=1000)] | None = None


class PresenceIn(RequestModel):
    """Whether the agent takes conversations."""

    presence: Annotated[Presence, FROM_TEXT]


class AgentOut(ResponseModel):
    """An agent; `presence` is believed until `present_until`."""

    id: str
    version: int
    name: str
    key_id: str | None
    role: Role
    accounts: list[str]
    skills: list[str]
    capacity: int | None
    presence: Presence
    present_until: datetime
    last_offered_at: datetime | None
    created_at: datetime
    updated_at: datetime


class AgentPage(ResponseModel):
    """Agents, the oldest first."""

    data: list[AgentOut]
    next_cursor: str | None


@router.get("/v1/agents", operation_id="list_agents", responses=errors(BadRequest))
async def list_agents(
    caller: Reader, deps: MessageDeps, cursors: MessageCursors, page: AskedPage
) -> AgentPage:
    """The organization's agents."""
    belongs = ("agents", caller.organization_id)
    after = str(cursors.read(page.cursor, *belongs)[0]) if page.cursor else ""
    found = await actions.list_agents(deps, caller.organization_id, after, page.limit)
    more = cursors.write([found[-1].id], *belongs) if len(found) == page.limit else None
    return AgentPage(data=[agent_out(agent) for agent in found], next_cursor=page.then(more))


@router.post(
    "/v1/agents",
    operation_id="add_agent",
    status_code=201,
    responses=errors(Invalid, KeyHasAgent, IdempotencyKeyReused, IdempotencyKeyInUse),
)
async def add_agent(
    body: AgentIn, key: OptionalKey, caller: Keeper, deps: MessageDeps, response: Response
) -> AgentOut:
    """Add an agent, who is offline until they say otherwise."""
    once = Once(key, agent_out)
    made = await actions.add_agent(deps, caller.organization_id, _profile(body), once)
    response.headers["Location"] = f"/v1/agents/{made.id}"
    return _tagged(made, response)


@router.get("/v1/agents/{agent_id}", operation_id="get_agent", responses=errors(NotFound))
async def get_agent(
    agent_id: Id, caller: Reader, deps: MessageDeps, response: Response
) -> AgentOut:
    """One agent; the ETag is the version of what the organization says of them."""
    found = await actions.find_agent(deps, caller.organization_id, agent_id)
    return _tagged(found, response)


@router.put(
    "/v1/agents/{agent_id}",
    operation_id="change_agent",
    responses=errors(*(NotFound, Invalid, KeyHasAgent, PreconditionRequired, PreconditionFailed)),
)
async def change_agent(
    agent_id: Id,
    body: AgentIn,
    caller: Keeper,
    deps: MessageDeps,
    response: Response,
    expected: RequiredVersion,
) -> AgentOut:
    """Replace what is said of an agent, if nobody changed it meanwhile."""
    organization_id = caller.organization_id
    made = await actions.change_agent(deps, organization_id, agent_id, expected, _profile(body))
    return _tagged(made, response)


@router.delete(
    "/v1/agents/{agent_id}",
    operation_id="delete_agent",
    status_code=204,
    responses=errors(NotFound, PreconditionRequired, PreconditionFailed),
)
async def delete_agent(
    agent_id: Id, caller: Keeper, deps: MessageDeps, expected: RequiredVersion
) -> None:
    """Delete an agent. What they had, or were offered, goes to the others at once; what was answered, to the bot."""
    await actions.delete_agent(deps, caller.organization_id, agent_id, expected)


@router.put(
    "/v1/agents/{agent_id}/presence",
    operation_id="set_agent_presence",
    responses=errors(*(NotFound, Invalid, Forbidden, PreconditionRequired, PreconditionFailed)),
)
async def set_agent_presence(
    agent_id: Id,
    body: PresenceIn,
    caller: Sender,
    deps: MessageDeps,
    response: Response,
    expected: RequiredVersion,
) -> AgentOut:
    """Be there for the next ten minutes, or not; mostly with `If-Match: *`."""
    who = caller_of(caller)
    found = await actions.be_present(deps, who, agent_id, body.presence, expected)
    return _tagged(found, response)


def agent_out(agent: Agent) -> AgentOut:
    """The agent as people see it."""
    return AgentOut(
        id=agent.id,
        version=agent.version,
        name=agent.name,
        key_id=agent.key_id,
        role=agent.role,
        accounts=list(agent.accounts),
        skills=list(agent.skills),
        capacity=agent.capacity,
        presence=agent.presence,
        present_until=agent.present_until,
        last_offered_at=agent.last_offered_at,
        created_at=agent.created_at,
        updated_at=agent.updated_at,
    )


def _profile(body: AgentIn) -> Profile:
    return Profile(
        name=body.name,
        key_id=body.key_id,
        role=body.role,
        accounts=tuple(body.accounts),
        skills=tuple(body.skills),
        capacity=body.capacity,
    )


def _tagged(agent: Agent, response: Response) -> AgentOut:
    response.headers["ETag"] = etag(agent.version)
    return agent_out(agent)
