"""What the controls take. Unknown fields are refused, so that a typing error is not silence."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.douyin_simulator.domain.failures import FailureKind

Id = Annotated[str, Field(min_length=1, max_length=200)]
# Ten years each way: beyond that, dates leave what the platform can write.
_TEN_YEARS_MS = 10 * 365 * 86_400 * 1000
Milliseconds = Annotated[int, Field(ge=-_TEN_YEARS_MS, le=_TEN_YEARS_MS)]
Code = Annotated[int, Field(ge=1, le=2**53)]


class Body(BaseModel):
    """A JSON object with known fields only, of exactly the types that it names."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ClockBody(Body):
    """Move the clock by `advance_ms`, or set it to `offset_ms` ahead of real time."""

    advance_ms: Annotated[int, Field(ge=0, le=_TEN_YEARS_MS)] | None = None
    offset_ms: Milliseconds | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> "ClockBody":
        if (self.advance_ms is None) == (self.offset_ms is None):
            raise ValueError("give either advance_ms or offset_ms")
        return self


class FanBody(Body):
    """A fan; what is left out stays as it is."""

    open_id: Id
    nickname: Annotated[str, Field(max_length=100)] | None = None
    avatar: Annotated[str, Field(max_length=500)] | None = None
    follows: bool | None = None


class FansBody(Body):
    """Fans to create or change, as seen by `account` (default: the demo account)."""

    fans: list[FanBody]
    account: Id | None = None
    notify: bool = True


class OneFanBody(FanBody):
    """The same for a single fan."""

    account: Id | None = None
    notify: bool = True


class SayBody(Body):
    """A fan says something or enters; or staff types in the app, if `from` is an account."""

    sender: Annotated[Id, Field(alias="from")]
    receiver: Annotated[Id, Field(alias="to")]
    text: Annotated[str, Field(min_length=1, max_length=20_000)] | None = None
    event: Literal["message", "enter"] = "message"
    message_type: Annotated[str, Field(min_length=1, max_length=50)] = "text"
    fields: dict[str, Any] = {}  # Any: what belongs to the message type, handed through
    wait: bool = True

    @model_validator(mode="after")
    def _a_text_has_text(self) -> "SayBody":
        if self.event == "message" and self.message_type == "text" and self.text is None:
            raise ValueError("a text message needs text")
        return self


class RegistrationBody(Body):
    """An inbound id that the caller itself posts to the app."""

    msg_id: Id
    conversation_id: Id
    sender: Annotated[Id, Field(alias="from")]
    receiver: Annotated[Id | None, Field(alias="to")] = None
    kind: Literal["message", "enter"] | None = None


class RegisterBody(Body):
    """Many ids at once; `to`, `kind` and `window` hold for all that name none themselves."""

    messages: list[RegistrationBody]
    receiver: Annotated[Id | None, Field(alias="to")] = None
    kind: Literal["message", "enter"] = "message"
    window: Literal["arrival", "first_use"] = "arrival"


class MatchBody(Body):
    """Whom a failure strikes; what is left out matches anybody."""

    open_id: Id | None = None
    to_user_id: Id | None = None
    conversation_id: Id | None = None
    event: Id | None = None


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


class AppBody(Body):
    """An app; `{client_key}` in the URL is replaced by its key."""

    client_key: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    client_secret: Annotated[str, Field(min_length=1, max_length=200)]
    webhook_url: Annotated[str, Field(max_length=2000)] | None = None


class AccountBody(Body):
    """An account and the app that it has authorised."""

    open_id: Id
    client_key: Id
    nickname: Annotated[str, Field(min_length=1, max_length=100)] = "企业号"


class OwnerBody(Body):
    """An account, for codes and for the end of its tokens."""

    open_id: Id
    refresh_too: bool = False


class VerifyBody(Body):
    """The app whose callback URL is to be verified (default: the demo app)."""

    client_key: Id | None = None
