"""A row a process, written every ten seconds: PostgreSQL knows who is alive, whoever scrapes whom.

The row stays when its process ends, so a role whose last process went away is seen by the others.
"""

import sqlalchemy as sa

from shared.db.engine import ALL_TENANTS, Database

_BEAT = sa.text(
    "INSERT INTO siyu.heartbeat (instance, process, beat_at) VALUES (:instance, :process, now())"
    " ON CONFLICT (instance) DO UPDATE SET process = :process, beat_at = now()"
)
_FORGET = sa.text(
    "DELETE FROM siyu.heartbeat old WHERE beat_at < now() - interval '1 hour' AND EXISTS ("
    " SELECT 1 FROM siyu.heartbeat newer WHERE newer.process = old.process"
    " AND newer.beat_at > old.beat_at)"
)
_AGES = sa.text(
    "SELECT process, extract(epoch FROM clock_timestamp() - max(beat_at)) FROM siyu.heartbeat"
    " GROUP BY process"
)


async def beat(database: Database, instance: str, process: str) -> dict[str, float]:
    """Say that `instance` of the role `process` is alive; seconds since each role's newest heartbeat."""
    async with database.transaction(ALL_TENANTS) as tx:
        await tx.execute(_BEAT, {"instance": instance, "process": process})
        await tx.execute(_FORGET)
        return {role: float(age) for role, age in await tx.execute(_AGES)}
