"""Templates of mini-program cards: the platform keeps them, under a Douyin app, and names them."""

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from services.douyin.domain.answers import number
from services.douyin.domain.webhooks.fields import moment, short, storable, time_ms

_PREFIX: Final = "tpl_"
_MOST_TEXT: Final = 2000
_MOST_REASONS: Final = 20

Fields = dict[str, Any]  # Any: JSON, whose shape the platform changes


@dataclass(frozen=True, slots=True)
class Looks:
    """What somebody wants of a template. The platform keeps the same looks once."""

    title: str
    content: str
    image_id: str
    app_id: str  # of the mini-program


@dataclass(frozen=True, slots=True)
class CardTemplate:
    """A template as the platform shows it. `status` is its word for the review."""

    platform_id: str
    card_type: int | None
    looks: Looks
    status: int | None
    reject_reasons: list[str]
    created_at: datetime | None
    updated_at: datetime | None

    @property
    def id(self) -> str:
        """Ours: the platform's may hold what an address cannot."""
        coded = base64.urlsafe_b64encode(self.platform_id.encode()).decode()
        return _PREFIX + coded.rstrip("=")


def platform_id_of(template_id: str) -> str | None:
    """The platform's id that is written in ours; None: it is none of ours."""
    if not template_id.startswith(_PREFIX):
        return None
    coded = template_id.removeprefix(_PREFIX)
    try:
        raw = base64.b64decode(coded + "=" * (-len(coded) % 4), altchars=b"-_", validate=True)
        return short(raw.decode()) or None
    except (binascii.Error, ValueError):
        return None


def templates_in(fields: Fields) -> list[CardTemplate]:
    """The templates of a page; a row that names no id is none."""
    listed = fields.get("list")
    rows = [row for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []
    return [_template(row) for row in rows if short(row.get("card_template_id"))]


def _template(row: Fields) -> CardTemplate:
    reasons = row.get("reject_reasons")
    texts = [_text(one) for one in (reasons if isinstance(reasons, list) else [reasons])]
    return CardTemplate(
        short(row.get("card_template_id")),
        number(row.get("card_type")),
        Looks(*(_text(row.get(name)) for name in ("title", "content", "media_id", "app_id"))),
        status=number(row.get("status")),
        reject_reasons=[one for one in texts if one][:_MOST_REASONS],
        created_at=_time(row.get("create_time")),
        updated_at=_time(row.get("update_time")),
    )


def _text(value: object) -> str:
    return storable(value[:_MOST_TEXT]) if isinstance(value, str) else ""


def _time(value: object) -> datetime | None:
    at_ms = time_ms(value)
    return None if at_ms is None else moment(at_ms)
