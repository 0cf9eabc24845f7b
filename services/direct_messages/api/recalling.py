"""Taking a message back."""

from services.direct_messages import actions
from services.direct_messages.actions import NotRecallable
from services.direct_messages.api.callers import MessageDeps, Sender
from services.direct_messages.domain.messages import Message
from shared.errors import NotFound
from shared.http.errors import errors
from shared.http.idempotency import ONCE, Once, OptionalKey
from shared.http.models import Id, ResponseModel
from shared.http.routing import Router

router = Router(tags=["conversations"])


class RecallOut(ResponseModel):
    """Douyin was asked; the message's `state` in the timeline becomes `recalled` when it agrees."""

    message_id: str
    conversation_id: str | None
    state: str
    cause: str


@router.post(
    "/v1/messages/{message_id}/recall",
    operation_id="recall_message",
    status_code=202,
    responses=errors(NotFound, NotRecallable, *ONCE),
)
async def recall_message(
    message_id: Id, key: OptionalKey, caller: Sender, deps: MessageDeps
) -> RecallOut:
    """Take back a message that was sent, by a rule or by a person. Asked twice, it is done once.

    If Douyin refuses, the message keeps its state and its `reason` begins with `recall_`.
    """
    once = Once(key, _out, 202)
    return _out(await actions.ask_back(deps, caller.organization_id, message_id, once))


def _out(message: Message) -> RecallOut:
    return RecallOut(
        message_id=message.id,
        conversation_id=message.conversation_id,
        state=message.state,
        cause=message.cause,
    )
