"""Pictures, lead cards and mini-program templates, with their reviews."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from services.douyin_simulator.domain.things import Thing

# Fields of a lead card by their number on the wire.
COMPONENTS: Final = {1: "姓名", 2: "手机号", 3: "城市"}
TEMPLATES_PER_APP: Final = 100_000
TEMPLATE_CHANGES: Final = 5_000
TEMPLATE_CHANGES_WINDOW_MS: Final = 30 * 86_400 * 1000


class Review(IntEnum):
    """How far the platform's review has come; the numbers are ours, the real ones are unknown."""

    PENDING = 1
    APPROVED = 2
    REJECTED = 3


@dataclass(frozen=True, slots=True)
class Image(Thing):
    """A picture that an app has uploaded; only that app may use it."""

    client_key: str
    width: int
    height: int
    md5: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class LeadCard(Thing):
    """A form that a fan fills in. `verdict` is what a reviewer said; without one, time decides."""

    account: str
    title: str
    media_id: str
    components: tuple[int, ...]
    saved_at_ms: int
    verdict: Review | None = None


@dataclass(frozen=True, slots=True)
class AppletTemplate(Thing):
    """A mini-program card; the same words and picture for the same mini-program are one template."""

    client_key: str
    card_type: int
    title: str
    content: str
    media_id: str
    app_id: str
    created_at_ms: int
    saved_at_ms: int
    verdict: Review | None = None
    reason: str = ""

    @property
    def looks(self) -> tuple[str, str, str, str]:
        """What makes two templates the same."""
        return (self.content, self.media_id, self.title, self.app_id)


def review_of(card: LeadCard | AppletTemplate, review_s: int, now_ms: int) -> Review:
    """What the review says now: a card that nobody judged is approved when its time is over."""
    if card.verdict is not None:
        return card.verdict
    return Review.APPROVED if now_ms >= card.saved_at_ms + review_s * 1000 else Review.PENDING


def components_of(value: Any) -> tuple[int, ...] | None:  # Any: foreign JSON
    """The fields of a lead card, or None if they are not a choice of the known ones."""
    if not isinstance(value, list) or not value:
        return None
    known = all(type(one) is int and one in COMPONENTS for one in value)
    return tuple(value) if known and len(set(value)) == len(value) else None


def filled_in(components: tuple[int, ...], values: dict[str, str]) -> list[dict[str, str]]:
    """`card_data` of an answered card: one line for each of its fields, in order."""
    labels = [COMPONENTS[one] for one in components]
    return [{"label": label, "value": values.get(label, "")} for label in labels]
