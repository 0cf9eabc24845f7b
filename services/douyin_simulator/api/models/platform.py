"""Bodies of the controls about the platform itself: clock, failures, caps, manners, limits."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from services.douyin_simulator.api.models.base import Body, Code, Count, Id
from services.douyin_simulator.domain.failures import SEND_PATH, FailureKind

# Ten years each way: beyond that, dates leave what the platform can write.
_TEN_YEARS_MS = 10 * 365 * 86_400 * 1000
Milliseconds = Annotated[int, Field(ge=-_TEN_YEARS_MS, le=_TEN_YEARS_MS)]


class ClockBody(Body):
    """Move the clock by `advance_ms`, or set it to `offset_ms` ahead of real time."""

    advance_ms: Annotated[int, Field(ge=0, le=_TEN_YEARS_MS)] | None = None
    offset_ms: Milliseconds | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> "ClockBody":
        if (self.advance_ms is None) == (self.offset_ms is None):
            raise ValueError("give either advance_ms or offset_ms")
        return self


class MatchBody(Body):
    """Whom a failure strikes; what is left out matches anybody."""

    open_id: Id | None = None
    to_user_id: Id | None = None
    conversation_id: Id | None = None
    event: Id | None = None
    path: Id = SEND_PATH


class FailureBody(Body):
    """An order for failures: `count` of them, each eligible one with `probability`, or both."""

    kind: Annotated[FailureKind, Field(strict=False)]
    count: Annotated[int, Field(ge=1, le=10**9)] | None = None
    probability: Annotated[float, Field(gt=0, le=1, strict=False)] | None = None
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] = 0
    match: MatchBody = MatchBody()
    accepted: bool | None = None
    delay_ms: Annotated[int, Field(ge=0, le=3_600_000)] = 0
    status: Annotated[int, Field(ge=300, le=599)] = 502
    code: Code = 28001005
    envelope: Literal["e1", "e2", "text_code"] = "e1"

    @model_validator(mode="after")
    def _it_is_bounded(self) -> "FailureBody":
        if self.count is None and self.probability is None:
            raise ValueError("give count, probability, or both")
        return self


class VerifyBody(Body):
    """The app whose callback URL is to be verified (default: the demo app)."""

    client_key: Id | None = None


class CapsBody(Body):
    """The platform's numbers, times in seconds; what is left out stays as it is."""

    reply_limit: Count = 0
    reply_valid_s: Count = 0
    reply_applies_to_everyone: bool = False
    enter_limit: Count = 0
    enter_window_s: Count = 0
    enters_per_day: Count = 0
    text_max_chars: Count = 0
    calls_per_day: Count = 0
    grant_users_per_day: Count = 0
    grant_sends_per_user_day: Count = 0
    recall_valid_s: Count = 0
    image_max_bytes: Count = 0
    groups_per_account: Count = 0
    group_max_members: Count = 0
    group_messages_per_day: Count = 0
    member_recall_s: Count = 0
    pushes_per_month: Count = 0


class MannersBody(Body):
    """How the platform behaves where the real one is unconfirmed; what is left out stays."""

    echo_id: Literal["same", "different"] = "same"
    error_family: Literal["2800", "2190"] = "2800"
    error_envelope: Literal["e1", "e2", "text_code"] = "e1"
    now_unit: Literal["ms", "s"] = "ms"
    sparse_extra: bool = False
    content_encoding: Literal["catalogue", "flipped"] = "catalogue"
    escaped_events: bool = False
    group_sender: Literal["speaker", "owner"] = "speaker"
    cancel_after_failures: Count = 0
    access_token_life_s: Count = 0
    refresh_token_life_s: Count = 0
    previous_access_token_life_s: Count = 0
    card_review_s: Count = 0
    live_data_lag_s: Count = 0


class LimitBody(Body):
    """How often each app may call a path (`*`: every path without a limit); 0 is no limit."""

    path: Id
    per_second: Count = 0
    per_day: Count = 0
