"""What rules did: hits, who answered, what waits, and which rule is missing."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from services.direct_messages import store
from services.direct_messages.actions.deps import Deps
from services.direct_messages.domain.rules import Rule, Trigger
from services.direct_messages.store import Account, Hits, Spoken, Unanswered, Unmatched
from shared.errors import NotFound

_LISTED: Final = 50
REPORT_SECONDS: Final = 60  # a large account's month is a few million rows


@dataclass(frozen=True, slots=True)
class Report:
    """What happened since a time."""

    since: datetime
    rules: list[Rule]
    hits: list[Hits]
    spoken: list[Spoken]
    unmatched: list[Unmatched]
    unanswered: list[Unanswered]


async def report_rules(deps: Deps, account: Account, days: int) -> Report:
    """The last days of an account. Raises NotFound."""
    async with deps.database.transaction(account[0], seconds=REPORT_SECONDS) as tx:
        if account not in await store.heads(tx, [account]):
            raise NotFound("no such account")
        since = tx.now - timedelta(days=days)
        rules = await store.rules(tx, *account)
        defaults = [r.id for r in rules if r.definition.trigger is Trigger.DEFAULT]
        return Report(
            since=since,
            rules=rules,
            hits=await store.hits(tx, account, since),
            spoken=await store.spoken(tx, account, since),
            unmatched=await store.unmatched(tx, account, since, defaults, _LISTED),
            unanswered=await store.unanswered(tx, account, since, _LISTED),
        )
