"""By what a fan came who leaves a contact: the page entry behind it, with the ids that the platform gave."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from services.direct_messages.domain.conversations import Source


@dataclass(frozen=True, slots=True)
class Attribution:
    """How the fan came, when, and from which video or through which ad (names of the platform → ids)."""

    source: Source
    entered_at: datetime | None = None
    item_id: str | None = None
    ad: Mapping[str, str] | None = None


UNKNOWN: Final = Attribution(Source.MESSAGE)  # no entry was told


def source_of(item_id: str | None, ad: Mapping[str, str] | None) -> Source:
    """How a fan came who opened the chat page; the ad beats the video that it shows."""
    return Source.AD if ad else Source.VIDEO if item_id else Source.PAGE


def attribution_of(entered_at: datetime, content: Mapping[str, Any] | None) -> Attribution:
    """What a page entry tells, of which `content` is kept."""
    item_id, ad = (content or {}).get("item_id"), (content or {}).get("ad")
    return Attribution(source_of(item_id, ad), entered_at, item_id, ad)
