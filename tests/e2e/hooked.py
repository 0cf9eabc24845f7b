"""The shop's own system in the conversations: a receiver of webhooks that believes only what is signed."""

from collections import Counter
from typing import Any

from tests.support.receiving import Receiver


class Tool:
    """What was told about rules, verified as it came."""

    def __init__(self, receiver: Receiver, secret: str) -> None:
        self._receiver, self._secret = receiver, secret
        self._read = 0
        self._told: dict[str, dict[str, Any]] = {}  # by webhook-id: it may come twice

    def of(self, conversation_id: str | None) -> Counter[tuple[str, str]]:
        """What was told of a conversation: (message, label)."""
        for got in self._receiver.got[self._read :]:
            self._told[got.id] = got.verified(self._secret)["data"]
            self._read += 1
        return Counter(
            (data["message_id"], data["label"] or "")
            for data in self._told.values()
            if data["conversation_id"] == conversation_id
        )
