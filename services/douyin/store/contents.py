"""What messages are made of: images that were uploaded, lead cards, and files that came in."""

# ruff: noqa: S608  statements are put together from constants of this room only
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from shared.db import Tx

_IMAGE = "organization_id, client_key, sha256, id, image_id, media_type, width, height, bytes"
_FIND_IMAGE = sa.text(
    f"SELECT {_IMAGE} FROM image WHERE organization_id = :organization"
    " AND client_key = :client_key AND sha256 = :sha256"
)
# two who upload the same bytes at once: the first id stays
_KEEP_IMAGE = sa.text(
    f"INSERT INTO image ({_IMAGE}) VALUES (:organization_id, :client_key, :sha256, :id, :image_id,"
    " :media_type, :width, :height, :bytes)"
    " ON CONFLICT (organization_id, client_key, sha256) DO UPDATE SET sha256 = excluded.sha256"
    f" RETURNING {_IMAGE}"
)
_CARD = "organization_id, account_id, id, card_id, title, image_id, components, status, version"
_CARD_NOW = ", ".join(f"lead_card.{name}" for name in _CARD.split(", "))
_FIND_CARD = sa.text(
    f"SELECT {_CARD} FROM lead_card WHERE organization_id = :organization"
    " AND account_id = :account AND id = :id AND deleted_at IS NULL"
)
# components travel as one text: arrays of arrays must be of one length. What was deleted since the platform
# was asked stays deleted; RETURNING sees the row beside as it was before
_KEEP_CARDS = sa.text(
    "INSERT INTO lead_card (organization_id, account_id, id, card_id, title, image_id, components,"
    " status, is_told) SELECT o, a, i, c, t, m, string_to_array(p, ','), s, true FROM unnest("
    " CAST(:organizations AS text[]), CAST(:accounts AS text[]), CAST(:ids AS text[]),"
    " CAST(:card_ids AS text[]), CAST(:titles AS text[]), CAST(:image_ids AS text[]),"
    " CAST(:components AS text[]), CAST(:statuses AS integer[])) AS v(o, a, i, c, t, m, p, s)"
    " ON CONFLICT (organization_id, account_id, card_id) DO UPDATE SET title = excluded.title,"
    " image_id = excluded.image_id, components = excluded.components, status = excluded.status,"
    " version = lead_card.version + CAST((lead_card.title, lead_card.image_id, lead_card.components,"
    " lead_card.status) IS DISTINCT FROM (excluded.title, excluded.image_id, excluded.components,"
    " excluded.status) OR COALESCE(lead_card.deleted_at < :asked_at, false) AS integer), updated_at = now(),"
    " is_told = true,"
    " deleted_at = CASE WHEN lead_card.deleted_at < :asked_at THEN NULL ELSE lead_card.deleted_at END"
    f" RETURNING {_CARD_NOW}, lead_card.deleted_at IS NULL, (SELECT was.version FROM lead_card was"
    " WHERE was.organization_id = lead_card.organization_id AND was.account_id = lead_card.account_id"
    " AND was.card_id = lead_card.card_id AND was.is_told) IS DISTINCT FROM lead_card.version"
)
_DELETED = "UPDATE lead_card SET deleted_at = now(), version = version + 1, is_told = true"
_MINE = "organization_id = :organization AND account_id = :account AND deleted_at IS NULL"
_DROP_CARD = sa.text(f"{_DELETED} WHERE {_MINE} AND id = :id RETURNING card_id, version")
_DROP_OTHERS = sa.text(
    f"{_DELETED} WHERE {_MINE} AND updated_at < :asked_at"
    " AND card_id <> ALL(CAST(:card_ids AS text[])) RETURNING card_id, version"
)
_NOW = sa.text("SELECT now()")
_MESSAGE = sa.text(
    "SELECT body FROM inbound WHERE organization_id = :organization AND account_id = :account"
    " AND client_key = :client_key AND event = 'im_receive_msg' AND dedupe_key = :message"
)


@dataclass(frozen=True, slots=True)
class ImageRow:
    """An image that an app has uploaded. `image_id` is the platform's, good for this app only."""

    organization_id: str
    client_key: str
    sha256: str
    id: str
    image_id: str
    media_type: str
    width: int | None
    height: int | None
    bytes: int


@dataclass(frozen=True, slots=True)
class CardRow:
    """A lead card of an account. `card_id` is the platform's, `status` its word for the review."""

    organization_id: str
    account_id: str
    id: str
    card_id: str
    title: str
    image_id: str
    components: list[str]
    status: int | None
    version: int = 1


async def find_image(tx: Tx, organization_id: str, client_key: str, sha256: str) -> ImageRow | None:
    """The image of these bytes under that app."""
    asked = {"organization": organization_id, "client_key": client_key, "sha256": sha256}
    row = (await tx.execute(_FIND_IMAGE, asked)).first()
    return ImageRow(*row) if row else None


async def keep_image(tx: Tx, image: ImageRow) -> ImageRow:
    """Keep the image; the one that is there already stays."""
    values = {name: getattr(image, name) for name in ImageRow.__slots__}
    row = (await tx.execute(_KEEP_IMAGE, values)).first()
    return ImageRow(*row) if row else image


async def find_card(tx: Tx, organization_id: str, account_id: str, card_id: str) -> CardRow | None:
    """The card of that id of ours."""
    asked = {"organization": organization_id, "account": account_id, "id": card_id}
    row = (await tx.execute(_FIND_CARD, asked)).first()
    return CardRow(*row) if row else None


async def asked_at(tx: Tx) -> datetime:
    """PostgreSQL's time, before the platform is asked for cards."""
    now: datetime = (await tx.execute(_NOW)).scalar()
    return now


async def keep_cards(
    tx: Tx, cards: Sequence[CardRow], asked_at: datetime
) -> list[tuple[CardRow, bool]]:
    """Keep cards as the platform had them then, each with whether that is news; those we know keep their id.

    What was deleted since is left out.
    """
    once = {(c.organization_id, c.account_id, c.card_id): c for c in cards}
    rows = await tx.execute(
        _KEEP_CARDS,
        {
            "organizations": [c.organization_id for c in once.values()],
            "accounts": [c.account_id for c in once.values()],
            "ids": [c.id for c in once.values()],
            "card_ids": [c.card_id for c in once.values()],
            "titles": [c.title for c in once.values()],
            "image_ids": [c.image_id for c in once.values()],
            "components": [",".join(c.components) for c in once.values()],
            "statuses": [c.status for c in once.values()],
            "asked_at": asked_at,
        },
    )
    return [(CardRow(*row[:-2]), row[-1]) for row in rows if row[-2]]


async def drop_card(tx: Tx, account: tuple[str, str], card_id: str) -> list[tuple[str, int]]:
    """The card of that id of ours is gone: (the platform's id, version), nothing if it was before."""
    asked = {"organization": account[0], "account": account[1], "id": card_id}
    return [(row[0], row[1]) for row in await tx.execute(_DROP_CARD, asked)]


async def drop_other_cards(
    tx: Tx, account: tuple[str, str], card_ids: Sequence[str], asked_at: datetime
) -> list[tuple[str, int]]:
    """Cards that were there before the platform was asked, and that it no longer has, are gone, too."""
    asked = {"organization": account[0], "account": account[1], "card_ids": list(card_ids)}
    rows = await tx.execute(_DROP_OTHERS, {**asked, "asked_at": asked_at})
    return [(row[0], row[1]) for row in rows]


async def find_message(tx: Tx, place: tuple[str, str, str], message_id: str) -> bytes | None:
    """The sealed webhook of a fan's message at (organization, account, client key)."""
    names = ("organization", "account", "client_key")
    asked = dict(zip(names, place, strict=True)) | {"message": message_id}
    row = (await tx.execute(_MESSAGE, asked)).first()
    return row[0] if row else None
