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
