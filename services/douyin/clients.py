"""Calls to Douyin: one try each, the answer uninterpreted."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from shared.http.client import Answer, OneTry

SEND_SECONDS = 8.0
_TOKEN_SECONDS = 8.0
_TEXT = 1
_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class TextMessage:
    """A text in answer to something that the fan did."""

    scene: str
    reply_to: str
    conversation_id: str
    open_id: str
    text: str


class Platform:
    """Douyin's API at one address. Raises NotSent or MaybeSent."""

    def __init__(self, base_url: str, http: OneTry) -> None:
        self._base = base_url.rstrip("/")
        self._http = http

    async def send_text(
        self, account_open_id: str, access_token: str, message: TextMessage, *, seconds: float
    ) -> Answer:
        """Send once, within `seconds`."""
        body = {
            "scene": message.scene,
            "msg_id": message.reply_to,
            "conversation_id": message.conversation_id,
            "to_user_id": message.open_id,
            "content": {"msg_type": _TEXT, "text": {"text": message.text}},
        }
        return await self._http.post(
            f"{self._base}/im/send/msg/?open_id={quote(account_open_id, safe='')}",
            orjson.dumps(body),
            {"access-token": access_token, "Content-Type": _JSON},
            seconds=min(seconds, SEND_SECONDS),
        )

    async def refresh_access_token(self, client_key: str, refresh_token: str) -> dict[str, Any]:
        """The answer's fields; {} when it is no JSON object."""
        form = {
            "client_key": client_key,
            "grant_type": "refresh_token",
            "refresh_token": refresh_token,
        }
        return await self._ask("/oauth/refresh_token/", urlencode(form).encode(), _FORM)

    async def client_token(self, client_key: str, secret: str) -> dict[str, Any]:
        """The answer's fields; {} when it is no JSON object."""
        body = {
            "client_key": client_key,
            "client_secret": secret,
            "grant_type": "client_credential",
        }
        return await self._ask("/oauth/client_token/", orjson.dumps(body), _JSON)

    async def _ask(self, path: str, body: bytes, kind: str) -> dict[str, Any]:
        headers = {"Content-Type": kind}
        answer = await self._http.post(f"{self._base}{path}", body, headers, seconds=_TOKEN_SECONDS)
        try:
            fields = orjson.loads(answer.body)
        except ValueError:
            return {}
        return fields if isinstance(fields, dict) else {}
