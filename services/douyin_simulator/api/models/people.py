"""Bodies of the controls about fans and what they say."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from services.douyin_simulator.api.models.base import Body, Id


class FanBody(Body):
    """A fan; what is left out stays as it is."""

    open_id: Id
    nickname: Annotated[str, Field(max_length=100)] | None = None
    avatar: Annotated[str, Field(max_length=500)] | None = None
    follows: bool | None = None
    standing: Literal["ok", "banned", "closed", "private"] | None = None
    club_level: Annotated[int, Field(ge=0, le=100)] | None = None
    active: bool | None = None
    gender: Annotated[int, Field(ge=0, le=2)] | None = None
    city: Annotated[str, Field(max_length=50)] | None = None

    @property
    def traits(self) -> dict[str, Any]:
        """What was said about the person beyond name, picture and follow state."""
        names = ("standing", "club_level", "active", "gender", "city")
        said = {name: getattr(self, name) for name in names}
        return {name: value for name, value in said.items() if value is not None}


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
    fields: dict[str, Any] = Field(
        default_factory=dict
    )  # Any: what belongs to the message type, handed through
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


class RecallBody(Body):
    """A fan takes a message back."""

    sender: Annotated[Id, Field(alias="from")]
    receiver: Annotated[Id, Field(alias="to")]
    msg_id: Id


class ReadBody(Body):
    """A fan has read a conversation up to the message with this index."""

    sender: Annotated[Id, Field(alias="from")]
    receiver: Annotated[Id, Field(alias="to")]
    index: Annotated[int, Field(ge=0, le=2**53)]


class GrantBody(Body):
    """A fan lets an account write first, or takes that back."""

    sender: Annotated[Id, Field(alias="from")]
    receiver: Annotated[Id, Field(alias="to")]
    app_id: Id = "tt-demo"
    given: bool = True


class FillBody(Body):
    """A fan fills in a lead card; values by label (姓名, 手机号, 城市)."""

    sender: Annotated[Id, Field(alias="from")]
    receiver: Annotated[Id, Field(alias="to")]
    card_id: Id
    values: dict[str, Annotated[str, Field(max_length=200)]]


class ReviewBody(Body):
    """What a reviewer says of a lead card or a template."""

    id: Id
    status: Literal["approved", "rejected"]
    reason: Annotated[str, Field(max_length=200)] = ""


class EventBody(Body):
    """Any event of the catalogue with a content of the caller's making."""

    event: Id
    sender: Annotated[str, Field(alias="from", max_length=200)]
    receiver: Annotated[str, Field(alias="to", max_length=200)] = ""
    content: dict[str, Any]
