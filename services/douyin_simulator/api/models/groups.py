"""Bodies of the controls about groups, videos and live broadcasts."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from services.douyin_simulator.api.models.base import Body, Count, Id, Text

Title = Annotated[str, Field(min_length=1, max_length=200)]


class MemberBody(Body):
    """A fan and the group that they want to join or leave."""

    group_id: Id
    fan: Id


class SpeechBody(Body):
    """Something said in a group by a member, or by the owner by hand."""

    group_id: Id
    sender: Annotated[Id, Field(alias="from")]
    text: Text | None = None
    message_type: Annotated[str, Field(min_length=1, max_length=50)] = "text"
    fields: dict[str, Any] = Field(default_factory=dict)  # Any: belongs to the message type

    @model_validator(mode="after")
    def _a_text_has_text(self) -> "SpeechBody":
        if self.message_type == "text" and self.text is None:
            raise ValueError("a text message needs text")
        return self


class VideoBody(Body):
    """A new video of an account (default: the demo account)."""

    account: Id | None = None
    title: Title
    shared: bool = False


class LiveBody(Body):
    """An account begins or ends a live broadcast."""

    account: Id | None = None
    action: Literal["start", "end"]
    title: Title = "直播"
    viewers: Count = 0
