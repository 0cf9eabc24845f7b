"""Messages out."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import orjson

from shared.http.client import Answer, OneTry

SEND_SECONDS = 8.0
_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message in answer to something that the fan did; `content` is the platform's message object."""

    scene: str
    reply_to: str
    conversation_id: str
    open_id: str
    content: dict[str, Any]  # Any: JSON


class Platform:
    """Douyin's API at one address. Raises NotSent or MaybeSent."""

    def __init__(self, base_url: str, http: OneTry) -> None:
        self._base = base_url.rstrip("/")
        self._http = http

    async def send(
        self, account_open_id: str, access_token: str, message: Outgoing, *, seconds: float
    ) -> Answer:
        """Send once, within `seconds`."""
        body = {
            "scene": message.scene,
            "msg_id": message.reply_to,
            "conversation_id": message.conversation_id,
            "to_user_id": message.open_id,
            "content": message.content,
        }
        return await self._http.post(
            f"{self._base}/im/send/msg/?open_id={quote(account_open_id, safe='')}",
            orjson.dumps(body),
            {"access-token": access_token, "Content-Type": _JSON},
            seconds=min(seconds, SEND_SECONDS),
        )
