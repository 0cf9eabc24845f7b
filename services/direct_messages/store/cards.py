"""Lead cards: which account has them, as far as the connector told."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from services.direct_messages.domain.cards import Card
from services.direct_messages.store import tables
from services.direct_messages.store.rows import as_rows, insert, read
from services.direct_messages.store.tables import Account
from shared.db import Tx

_LEARN = insert(
    tables.cards,
    "ON CONFLICT (organization_id, account_id, card_id) DO UPDATE SET seq = excluded.seq,"
    " is_there = excluded.is_there WHERE card.seq < excluded.seq",
)
_KNOWN = sa.text(
    "SELECT card_id, account_id, is_there FROM card WHERE organization_id = :org"
    " AND card_id = ANY(CAST(:cards AS text[]))"
)


@dataclass(frozen=True, slots=True)
class ToldCard:
    """What the connector said of a card; the highest `seq` is believed."""

    organization_id: str
    account_id: str
    card_id: str
    seq: int
    is_there: bool


async def learn_cards(tx: Tx, told: Sequence[ToldCard]) -> None:
    """Keep these, each card once; one that is older than what is known changes nothing."""
    await tx.execute(_LEARN, as_rows(told))


async def known_cards(tx: Tx, account: Account, card_ids: Iterable[str]) -> list[Card]:
    """What is known of these cards, in all accounts of the organization."""
    asked = {"org": account[0], "cards": sorted(set(card_ids))}
    return [read(Card, row) for row in await tx.execute(_KNOWN, asked)]
