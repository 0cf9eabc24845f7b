"""What accounts publish: who is asked when, and which videos and broadcasts were seen."""

# ruff: noqa: S608  statements are put together from constants of this room only
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from services.douyin.domain.posts import Video, is_news
from shared.db import Tx

_BEGIN = sa.text(
    "INSERT INTO look (organization_id, account_id, subject, began_at)"
    " SELECT organization_id, account_id, CAST(:subject AS text), :now FROM binding"
    " ON CONFLICT DO NOTHING"
)
# a little more or less, so that the accounts of a platform do not ask at the same moment
_CLAIM = sa.text(
    "UPDATE look SET next_at = now() + CAST(:every AS interval) * (0.9 + 0.2 * random())"
    " WHERE ctid = ANY(ARRAY(SELECT ctid FROM look WHERE subject = :subject AND next_at <= now()"
    " ORDER BY next_at LIMIT :most FOR UPDATE SKIP LOCKED))"
    " RETURNING organization_id, account_id, subject, began_at, read_until"
)
_OF_LOOK = " WHERE organization_id = :organization AND account_id = :account AND subject = :subject"
_PUT_OFF = sa.text(f"UPDATE look SET next_at = now() + :pause, error = :error{_OF_LOOK}")
# only the look that began where the last one ended may say something: another one was faster
_END = sa.text(
    f"UPDATE look SET read_until = :until, error = NULL{_OF_LOOK}"
    " AND read_until IS NOT DISTINCT FROM CAST(:was AS timestamptz) RETURNING 1"
)
_FIND = sa.text(f"SELECT read_until, error FROM look{_OF_LOOK}")
_ACCOUNTS = sa.text(
    "SELECT count(*) FROM binding WHERE organization_id = :organization"
    " AND client_key = :client_key AND revoked_at IS NULL"
)
_VIDEO = "item_id, title, published_at, seen_at, is_news"
_KNOWN_VIDEOS = sa.text(
    "SELECT item_id FROM video WHERE organization_id = :organization AND account_id = :account"
    " AND item_id = ANY(CAST(:ids AS text[]))"
)
_ADD_VIDEOS = sa.text(
    "INSERT INTO video (organization_id, account_id, item_id, title, published_at, seen_at, is_news)"
    " SELECT :organization, :account, i, t, p, :now, n FROM unnest(CAST(:ids AS text[]),"
    " CAST(:titles AS text[]), CAST(:times AS timestamptz[]), CAST(:news AS boolean[]))"
    " AS v(i, t, p, n)"
    f" ON CONFLICT DO NOTHING RETURNING {_VIDEO}"
)
_LIST_VIDEOS = sa.text(
    f"SELECT {_VIDEO} FROM video WHERE organization_id = :organization AND account_id = :account"
    " AND (CAST(:before AS timestamptz) IS NULL OR (published_at, item_id) < (:before, :before_id))"
    " ORDER BY published_at DESC, item_id DESC LIMIT :most"
)
_BROADCAST = "room_id, seen_at, ended_by"
_ROOMS = sa.text(
    "SELECT room_id, ended_by IS NULL FROM broadcast WHERE organization_id = :organization"
    " AND account_id = :account AND (ended_by IS NULL OR room_id = ANY(CAST(:ids AS text[])))"
)
_START = sa.text(
    "INSERT INTO broadcast (organization_id, account_id, room_id, seen_at)"
    " SELECT :organization, :account, i, :now FROM unnest(CAST(:ids AS text[])) AS v(i)"
    f" ON CONFLICT DO NOTHING RETURNING {_BROADCAST}"
)
_STOP = sa.text(
    "UPDATE broadcast SET ended_by = greatest(CAST(:by AS timestamptz), seen_at)"
    " WHERE organization_id = :organization AND account_id = :account"
    f" AND room_id = ANY(CAST(:ids AS text[])) AND ended_by IS NULL RETURNING {_BROADCAST}"
)
_LIST_BROADCASTS = sa.text(
    f"SELECT {_BROADCAST} FROM broadcast WHERE organization_id = :organization"
    " AND account_id = :account"
    " AND (CAST(:before AS timestamptz) IS NULL OR (seen_at, room_id) < (:before, :before_id))"
    " ORDER BY seen_at DESC, room_id DESC LIMIT :most"
)

Tenant = tuple[str, str]  # organization, account
Place = tuple[datetime, str]  # of the row behind which a page begins


@dataclass(frozen=True, slots=True)
class LookDue:
    """An account that is to be asked, since when it is, and until when the last answer reached."""

    organization_id: str
    account_id: str
    subject: str
    began_at: datetime
    read_until: datetime | None

    def values(self) -> dict[str, object]:
        """The values of a statement."""
        mine = {"organization": self.organization_id, "account": self.account_id}
        return {**mine, "subject": self.subject}


@dataclass(frozen=True, slots=True)
class LookRow:
    """How the last look ended."""

    read_until: datetime | None
    error: str | None


@dataclass(frozen=True, slots=True)
class VideoRow:
    """A video as it was seen first. `is_news`: it is younger than our looking, and was told."""

    item_id: str
    title: str | None
    published_at: datetime
    seen_at: datetime
    is_news: bool


@dataclass(frozen=True, slots=True)
class BroadcastRow:
    """A live room: when it was seen first, and by when it was over."""

    room_id: str
    seen_at: datetime
    ended_by: datetime | None


async def claim_looks(tx: Tx, subject: str, every: timedelta, most: int) -> list[LookDue]:
    """Take the accounts that are due; nobody else gets them before the next time."""
    await tx.execute(_BEGIN, {"subject": subject, "now": tx.now})
    asked = {"subject": subject, "every": every, "most": most}
    return [LookDue(*row) for row in await tx.execute(_CLAIM, asked)]


async def put_off_look(tx: Tx, due: LookDue, pause: timedelta, error: str | None) -> None:
    """Ask again after the pause."""
    await tx.execute(_PUT_OFF, {**due.values(), "pause": pause, "error": error})


async def end_look(tx: Tx, due: LookDue, until: datetime) -> bool:
    """The answer reached until then; False, and nothing of it counts: another look was faster."""
    values = {**due.values(), "until": until, "was": due.read_until}
    return (await tx.execute(_END, values)).first() is not None


async def find_look(tx: Tx, tenant: Tenant, subject: str) -> LookRow:
    """How the last look at the account ended; nothing when nobody has looked."""
    asked = {"organization": tenant[0], "account": tenant[1], "subject": subject}
    row = (await tx.execute(_FIND, asked)).first()
    return LookRow(*row) if row else LookRow(None, None)


async def accounts_of(tx: Tx, organization_id: str, client_key: str) -> int:
    """How many accounts share the app's calls."""
    asked = {"organization": organization_id, "client_key": client_key}
    return int((await tx.execute(_ACCOUNTS, asked)).scalar() or 0)


async def known_videos(tx: Tx, tenant: Tenant, ids: Sequence[str]) -> set[str]:
    """Those of the ids that were seen before."""
    asked = {"organization": tenant[0], "account": tenant[1], "ids": list(ids)}
    return {row[0] for row in await tx.execute(_KNOWN_VIDEOS, asked)}


async def add_videos(tx: Tx, due: LookDue, videos: Sequence[Video]) -> list[VideoRow]:
    """Remember the videos; those that nobody had seen come back."""
    values = {
        "organization": due.organization_id,
        "account": due.account_id,
        "now": tx.now,
        "news": [is_news(one, due.began_at) for one in videos],
        "ids": [one.item_id for one in videos],
        "titles": [one.title for one in videos],
        "times": [one.published_at for one in videos],
    }
    return [VideoRow(*row) for row in await tx.execute(_ADD_VIDEOS, values)]


async def list_videos(tx: Tx, tenant: Tenant, before: Place | None, most: int) -> list[VideoRow]:
    """Videos of the account, newest first."""
    return [VideoRow(*row) for row in await tx.execute(_LIST_VIDEOS, _page(tenant, before, most))]


async def rooms_of(tx: Tx, tenant: Tenant, ids: Sequence[str]) -> dict[str, bool]:
    """The rooms among the ids that were ever seen, and all that go on: whether each does."""
    asked = {"organization": tenant[0], "account": tenant[1], "ids": list(ids)}
    return {row[0]: row[1] for row in await tx.execute(_ROOMS, asked)}


async def start_broadcasts(tx: Tx, tenant: Tenant, ids: Sequence[str]) -> list[BroadcastRow]:
    """Remember rooms; those that nobody had seen come back."""
    values = {"organization": tenant[0], "account": tenant[1], "ids": list(ids), "now": tx.now}
    return [BroadcastRow(*row) for row in await tx.execute(_START, values)]


async def end_broadcasts(
    tx: Tx, tenant: Tenant, ids: Sequence[str], by: datetime
) -> list[BroadcastRow]:
    """They were over by then; those that nobody had ended come back."""
    values = {"organization": tenant[0], "account": tenant[1], "ids": list(ids), "by": by}
    return [BroadcastRow(*row) for row in await tx.execute(_STOP, values)]


async def list_broadcasts(
    tx: Tx, tenant: Tenant, before: Place | None, most: int
) -> list[BroadcastRow]:
    """Broadcasts of the account, the one that was seen last first."""
    found = await tx.execute(_LIST_BROADCASTS, _page(tenant, before, most))
    return [BroadcastRow(*row) for row in found]


def _page(tenant: Tenant, before: Place | None, most: int) -> dict[str, object]:
    at, row = before or (None, "")
    mine = {"organization": tenant[0], "account": tenant[1]}
    return {**mine, "before": at, "before_id": row, "most": most}
