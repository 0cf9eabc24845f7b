"""People who answer, and whom of them a conversation is offered to. The same inputs choose the same."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

_NEVER: Final = datetime.min.replace(tzinfo=UTC)


class Presence(StrEnum):
    """Whether an agent takes conversations: said by the agent, and believed for a while."""

    ONLINE = "online"
    AWAY = "away"  # answers what is accepted already, is offered nothing new
    OFFLINE = "offline"


class Role(StrEnum):
    """Whom a broken promise is told to."""

    AGENT = "agent"
    SUPERVISOR = "supervisor"  # when the promise breaks
    OWNER = "owner"  # when it stays broken


@dataclass(frozen=True, slots=True)
class Agent:
    """A person of the organization who answers fans, and the API key that speaks for them."""

    organization_id: str
    id: str
    name: str
    key_id: str | None
    role: Role
    accounts: tuple[str, ...]  # empty: all
    skills: tuple[str, ...]
    capacity: int | None  # conversations at once; None: what the account's policy says
    presence: Presence
    present_until: datetime  # real time: a lease
    last_offered_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a waiting conversation asks of an agent."""

    account_id: str
    skill: str | None
    passed_over: Collection[str]  # agents who had it and did not take it
    sticky: str | None  # who answered this fan last
    capacity: int  # of an agent who has none of their own


def choose(wanted: Wanted, agents: Iterable[Agent], loads: Mapping[str, int]) -> Agent | None:
    """Whom to offer it to: who knows the fan, else the least busy, else who waited longest.

    Somebody who passed it over is asked again only when everybody else did too. `loads`: how many
    conversations each has.
    """
    free = [
        agent
        for agent in agents
        if _serves(agent, wanted) and loads.get(agent.id, 0) < (agent.capacity or wanted.capacity)
    ]
    fresh = [agent for agent in free if agent.id not in wanted.passed_over] or free
    known = next((agent for agent in fresh if agent.id == wanted.sticky), None)
    return known or min(fresh, key=lambda agent: _order(agent, loads), default=None)


def _serves(agent: Agent, wanted: Wanted) -> bool:
    is_ours = not agent.accounts or wanted.account_id in agent.accounts
    return is_ours and (wanted.skill is None or wanted.skill in agent.skills)


def _order(agent: Agent, loads: Mapping[str, int]) -> tuple[int, datetime, str]:
    return loads.get(agent.id, 0), agent.last_offered_at or _NEVER, agent.id
