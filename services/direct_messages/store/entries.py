"""Page entries behind what fans leave."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from services.direct_messages.domain.attributions import UNKNOWN, Attribution, attribution_of
from services.direct_messages.store.rows import columns
from shared.db import Tx

# an entry that names nothing says only that the fan opened the chat again: it hides none that does
_BEHIND = sa.text(
    "SELECT k.place, e.created_at, e.content FROM unnest(CAST(:org AS text[]), CAST(:acc AS text[]),"
    " CAST(:conversation AS text[]), CAST(:since AS timestamptz[]), CAST(:until AS timestamptz[]))"
    " WITH ORDINALITY k(o, a, c, since, until, place)"
    " CROSS JOIN LATERAL (SELECT m.created_at, m.content FROM message m"
    " WHERE m.organization_id = k.o AND m.account_id = k.a AND m.conversation_id = k.c"
    " AND m.created_at > k.since AND m.created_at <= k.until AND m.kind = 'page_entered'"
    " ORDER BY m.content IS NULL, m.created_at DESC, m.id DESC LIMIT 1) e"
)


async def attributions(
    tx: Tx, left: Sequence[tuple[str, str, str, datetime, timedelta]]
) -> list[Attribution]:
    """By what each fan came who left something: organization, account, conversation, when, and how long entries count.

    That is the newest entry before it that names an ad or a video, else the newest.
    """
    asked = [(*place, at - within, at) for *place, at, within in left]
    found = [UNKNOWN] * len(left)
    for row in await tx.execute(_BEHIND, columns(asked, "org acc conversation since until")):
        found[row.place - 1] = attribution_of(row.created_at, row.content)
    return found
