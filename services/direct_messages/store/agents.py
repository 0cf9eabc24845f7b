"""Agents of an organization."""

from dataclasses import replace
from datetime import timedelta

import sqlalchemy as sa

from services.direct_messages.domain.agents import Agent, Presence, Role
from services.direct_messages.store.people_tables import agents
from services.direct_messages.store.rows import as_rows, insert, read
from shared.db import Row, Tx

_KEPT = ("organization_id", "id", "created_at", "presence", "present_until", "last_offered_at")
_PUT = insert(
    agents,
    "ON CONFLICT (organization_id, id) DO UPDATE SET "
    + ", ".join(f"{c.name} = excluded.{c.name}" for c in agents.c if c.name not in _KEPT),
)
_ONE = sa.text("SELECT * FROM agent WHERE organization_id = :org AND id = :id")
_LOCKED = sa.text("SELECT * FROM agent WHERE organization_id = :org AND id = :id FOR UPDATE")
_OF_KEY = sa.text(
    "SELECT * FROM agent WHERE organization_id = :org AND key_id = :key AND key_id IS NOT NULL"
)
_LIST = sa.text(
    "SELECT * FROM agent WHERE organization_id = :org AND id > :after ORDER BY id LIMIT :most"
)
_DROP = sa.text("DELETE FROM agent WHERE organization_id = :org AND id = :id")
_PRESENT = sa.text(  # leases are real time: a clock that is moved makes nobody leave
    "UPDATE agent SET presence = :presence, present_until = now() + :lease"
    " WHERE organization_id = :org AND id = :id"
)
_STILL_PRESENT = sa.text(
    "UPDATE agent SET present_until = now() + :lease WHERE organization_id = :org AND id = :id"
    " AND presence <> 'offline'"
)
_ON_DUTY = sa.text(
    "SELECT * FROM agent WHERE organization_id = :org AND presence = 'online'"
    " AND present_until > now() ORDER BY id FOR UPDATE"
)
_OFFERED = sa.text(
    "UPDATE agent SET last_offered_at = :at WHERE organization_id = :org AND id = ANY(:ids)"
)
_EXIST = sa.text("SELECT EXISTS (SELECT FROM agent WHERE organization_id = :org)")


async def agent(tx: Tx, organization_id: str, agent_id: str, *, lock: bool = False) -> Agent | None:
    """One agent of the organization."""
    asked = {"org": organization_id, "id": agent_id}
    row = (await tx.execute(_LOCKED if lock else _ONE, asked)).first()
    return _agent_from(row) if row else None


async def agent_of_key(tx: Tx, organization_id: str, key_id: str) -> Agent | None:
    """The agent for whom this key speaks."""
    row = (await tx.execute(_OF_KEY, {"org": organization_id, "key": key_id})).first()
    return _agent_from(row) if row else None


async def list_agents(tx: Tx, organization_id: str, after: str, most: int) -> list[Agent]:
    """Agents of the organization behind `after`, the oldest first."""
    asked = {"org": organization_id, "after": after, "most": most}
    return [_agent_from(row) for row in await tx.execute(_LIST, asked)]


async def put_agent(tx: Tx, changed: Agent) -> None:
    """Add or replace an agent; what the agent does stays. Raises Conflict when the key has another."""
    await tx.execute(_PUT, as_rows([changed]))


async def drop_agent(tx: Tx, organization_id: str, agent_id: str) -> None:
    """The agent is gone."""
    await tx.execute(_DROP, {"org": organization_id, "id": agent_id})


async def be_present(
    tx: Tx, organization_id: str, agent_id: str, presence: Presence, lease: timedelta
) -> None:
    """Believe the agent for as long as the lease says."""
    asked = {"org": organization_id, "id": agent_id, "presence": presence.value, "lease": lease}
    await tx.execute(_PRESENT, asked)


async def renew_presence(tx: Tx, organization_id: str, agent_id: str, lease: timedelta) -> None:
    """The agent is still there, unless they said that they are not."""
    await tx.execute(_STILL_PRESENT, {"org": organization_id, "id": agent_id, "lease": lease})


async def agents_on_duty(tx: Tx, organization_id: str) -> list[Agent]:
    """Who takes conversations now, locked: one assignment at a time in an organization."""
    found = await tx.execute(_ON_DUTY, {"org": organization_id})
    return [_agent_from(row) for row in found]


async def mark_offered(tx: Tx, organization_id: str, agent_ids: list[str]) -> None:
    """They were offered something now."""
    await tx.execute(_OFFERED, {"org": organization_id, "ids": agent_ids, "at": tx.now})


async def has_agents(tx: Tx, organization_id: str) -> bool:
    """Whether anybody could answer at all."""
    return bool((await tx.execute(_EXIST, {"org": organization_id})).scalar())


def _agent_from(row: Row) -> Agent:
    found: Agent = read(Agent, row)
    return replace(
        found,
        presence=Presence(found.presence),
        role=Role(found.role),
        accounts=tuple(found.accounts),
        skills=tuple(found.skills),
    )
