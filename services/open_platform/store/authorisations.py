"""Whether owners let their accounts send, a row an account."""

import sqlalchemy as sa

from services.open_platform.domain.authorisations import Authorisation
from services.open_platform.store.tables import authorisation
from shared.db import Tx

_KEEP = sa.text(
    "INSERT INTO authorisation (organization_id, account_id, state, reason, usable_until,"
    " changed_at, seq) VALUES (:organization_id, :account_id, :state, :reason, :usable_until,"
    " :changed_at, :seq) ON CONFLICT (organization_id, account_id) DO UPDATE SET"
    " state = excluded.state, reason = excluded.reason, usable_until = excluded.usable_until,"
    " changed_at = excluded.changed_at, seq = excluded.seq WHERE authorisation.seq < excluded.seq"
)


async def keep(tx: Tx, found: Authorisation, seq: int) -> None:
    """Keep what was told last; an older fact changes nothing."""
    values = {name: getattr(found, name) for name in Authorisation.__slots__}
    await tx.execute(_KEEP, {**values, "seq": seq})


async def list_authorisations(
    tx: Tx, organization_id: str, state: str | None, after: str, most: int
) -> list[Authorisation]:
    """Authorisations behind the account `after`, in the order of accounts."""
    columns = (authorisation.c[name] for name in Authorisation.__slots__)
    query = (
        sa.select(*columns)
        .where(authorisation.c.organization_id == organization_id)
        .where(authorisation.c.account_id > after)
        .order_by(authorisation.c.account_id)
        .limit(most)
    )
    if state is not None:
        query = query.where(authorisation.c.state == state)
    return [Authorisation(*row) for row in await tx.execute(query)]
