"""What the conversation automation tells."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from shared.contracts.envelope import Event


class TextItem(BaseModel):
    """One message to send. `text` is sealed for the organisation."""

    model_config = ConfigDict(frozen=True)

    text: str


class SendRequested(Event):
    """Send these items, in order, once (subject: the fan). Quota is held under `reservation_id`."""

    type = "direct_messages.send_requested"

    operation_id: str
    reservation_id: str
    conversation_id: str  # the platform's
    open_id: str  # the fan
    scene: str  # im_reply_msg or im_enter_direct_msg
    reply_to: str  # the platform id of the inbound message or enter event
    window_opened_at: datetime
    expires_at: datetime  # business time after which nothing may leave any more
    items: list[TextItem]
    supersedes: str | None  # the unknown operation that a person decided to send again


class SendNotRequested(Event):
    """A hold is overdue and its send was never requested (subject: the reservation): release it."""

    type = "direct_messages.send_not_requested"

    operation_id: str
    reservation_id: str
