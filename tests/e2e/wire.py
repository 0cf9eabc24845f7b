"""Douyin's side of the wire as a test needs it: webhook bodies and their signatures.

Written from the platform's protocol and not from our code, so that neither hides the other's mistake.
"""

import hashlib
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CLIENT_KEY = "awtest0123456789"
SECRET = "0123456789abcdef0123456789abcdef"
ACCOUNT = "biz-open-id-0001"
VECTORS = Path(__file__).resolve().parents[1] / "contract/douyin/vectors.json"
_EARLIEST = 1_681_800_000_000
_TICK = itertools.count()


@dataclass(frozen=True, slots=True)
class Shop:
    """An account, and the Douyin app that acts for it."""

    client_key: str
    secret: str
    open_id: str


DEMO = Shop(CLIENT_KEY, SECRET, ACCOUNT)


def signature(body: bytes, secret: str = SECRET) -> str:
    """hex(SHA1(secret ‖ body))."""
    return hashlib.sha1(secret.encode() + body, usedforsecurity=False).hexdigest()


def headers(body: bytes, msg_id: str = "", secret: str = SECRET) -> dict[str, str]:
    """What comes with a body. `Msg-Id` lies outside the signature."""
    named = {"Msg-Id": msg_id} if msg_id else {}
    signed = signature(body, secret)
    return {"Content-Type": "application/json", "X-Douyin-Signature": signed, **named}


def vectors() -> dict[str, Any]:
    """The published vectors."""
    found: dict[str, Any] = json.loads(VECTORS.read_text("utf-8"))
    return found


def vector(name: str) -> Mapping[str, Any]:
    """One of them."""
    return next(one for one in vectors()["vectors"] if one["name"] == name)


@dataclass(frozen=True, slots=True)
class Inbound:
    """Something that a fan wrote."""

    fan: str
    message_id: str
    text: str
    created_ms: int
    shop: Shop = DEMO

    @property
    def conversation(self) -> str:
        """Every fan has one conversation with the account."""
        return f"@conv-{self.fan}=="

    def body(self, *, escaped: bool = False) -> bytes:
        """The webhook's bytes; `escaped` says the same in other bytes."""
        content = {
            "conversation_short_id": self.conversation,
            "server_message_id": self.message_id,
            "conversation_type": 1,
            "create_time": self.created_ms,
            "message_type": "text",
            "source": "",
            "scene_type": 100,
            "text": self.text,
        }
        return event("im_receive_msg", self.fan, content, escaped=escaped, shop=self.shop)


def said(fan: str, text: str, message_id: str = "", shop: Shop = DEMO) -> Inbound:
    """A message of `fan`, later than all that were made before."""
    tick = next(_TICK)
    return Inbound(fan, message_id or f"@said-{fan}-{tick}==", text, _EARLIEST + tick, shop)


def event(
    name: str,
    fan: str,
    content: Mapping[str, Any] | str,
    *,
    escaped: bool = False,
    shop: Shop = DEMO,
) -> bytes:
    """The body of any event from a fan to the account."""
    whole = {
        "event": name,
        "client_key": shop.client_key,
        "from_user_id": fan,
        "to_user_id": shop.open_id,
        "log_id": "0216817998482260000000000000000",
        "content": content,
    }
    return json.dumps(whole, ensure_ascii=escaped, separators=(",", ":")).encode()
