"""The batch API of `quota`. Every answer stands at the place of its question.

None stands there while the account's policy has not been heard: nothing is granted, ask again.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.times import Timed


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Asked(_Model):
    model_config = ConfigDict(strict=True)


class Purpose(StrEnum):
    """What the quota is for; decides which limits are asked together."""

    DM_REPLY = "dm.reply"
    DM_ENTER = "dm.enter"
    PUSH = "push.monthly"


_FromText = Field(strict=False)  # JSON has no enums and no times
_Time = Annotated[datetime, _FromText]


class Window(_Asked):
    """The window that an event opened: the platform's id of the inbound, and when it opened (UTC)."""

    opened_by: str
    opened_at: _Time


class ReserveRequest(_Asked):
    """Hold `items` units under `operation_id`; asked again, it answers the same."""

    organization_id: str
    account_id: str
    operation_id: str = Field(min_length=1, max_length=128)
    purpose: Annotated[Purpose, _FromText]
    subject: str = Field(
        min_length=1, max_length=200
    )  # the fan's open_id; the account id for a push
    items: int = Field(ge=1, le=100)
    actor: Literal["bot", "person"]
    window: Window | None  # for dm.reply and dm.enter
    planned_at: _Time | None  # for push.monthly: the planned start decides the month
    cause: str = ""


class Resets(_Model, Timed):
    """When there is room again: with the fan's next message, or at a time."""

    on: Literal["fan_message", "time", "never"]
    at: datetime | None


class HeldIn(_Model):
    """The window that a hold counts in: the one asked for, or a newer one that is open already."""

    opened_by: str
    opened_at: datetime


class Granted(_Model):
    """`held_in` is None where no event opens the window."""

    reservation_id: str
    held_in: HeldIn | None = None
    limits: list[str]


class Denied(_Model):
    """`reason`: exhausted, window_expired, closed_by_platform, or no_window."""

    limit: str
    reason: str
    cap: int
    used: int
    held: int
    resets: Resets


class ReserveAnswer(_Model):
    """Exactly one member is set."""

    operation_id: str
    granted: Granted | None
    denied: Denied | None


class ReserveBatch(_Asked):
    requests: list[ReserveRequest] = Field(max_length=500)


class ReserveAnswers(_Model):
    answers: list[ReserveAnswer | None]


class SettleRequest(_Asked):
    """Settle items of a reservation; `items` None means all that are still held."""

    organization_id: str
    account_id: str
    reservation_id: str
    items: list[int] | None


class SettleBatch(_Asked):
    requests: list[SettleRequest] = Field(max_length=500)


class Settled(_Model):
    reservation_id: str
    changed: int  # units moved; 0 when all of it was settled before


class SettleAnswers(_Model):
    answers: list[Settled]


class PeekRequest(_Asked):
    organization_id: str
    account_id: str
    purpose: Annotated[Purpose, _FromText]
    subject: str
    actor: Literal["bot", "person"]


class PeekBatch(_Asked):
    requests: list[PeekRequest] = Field(max_length=500)


class LimitState(_Model, Timed):
    """One limit as it stands. `cap` None: no limit applies now (the fan follows)."""

    limit: str
    window_id: str | None
    window_start: datetime | None
    window_end: datetime | None
    cap: int | None
    used: int
    held: int
    available: int | None
    resets: Resets


class PeekAnswer(_Model):
    limits: list[LimitState]


class PeekAnswers(_Model):
    answers: list[PeekAnswer | None]
