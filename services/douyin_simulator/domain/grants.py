"""Grants for proactive messages, what fans sent as files, and what was recalled."""

from dataclasses import dataclass
from typing import Any

from services.douyin_simulator.domain.things import Thing


def grant_id(account: str, fan: str) -> str:
    """The id of the one grant between an account and a fan."""
    return f"{account}\x1f{fan}"


@dataclass(frozen=True, slots=True)
class Grant(Thing):
    """A fan lets an account write first. `given` is False once it was taken back."""

    account: str
    fan: str
    app_id: str
    given: bool
    created_at_ms: int
    updated_at_ms: int
    enter_from: str = "micro_app"
    query: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class MediaResource(Thing):
    """A picture or video that a fan sent from their own phone; `id` is the message's."""

    account: str
    conversation_id: str
    media_type: str


@dataclass(frozen=True, slots=True)
class Recall(Thing):
    """A message that was taken back; `id` is the message's."""

    by: str
    at_ms: int


def as_told(grant: Grant) -> dict[str, Any]:
    """What the platform tells about where a grant came from."""
    return {
        "enter_from": grant.enter_from,
        "attribution": {},
        "data_im_extra": "",
        "query": grant.query,
        "path": grant.path,
    }
