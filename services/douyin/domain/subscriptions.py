"""Which webhooks an app must be subscribed to, and when its silence is alarming."""

from collections.abc import Iterable
from typing import Any, Final

from services.douyin.domain.answers import number

# what somebody hears today; everything else that is switched off is the operator's choice
WANTED: Final = (
    "im_receive_msg",
    "im_send_msg",
    "im_enter_direct_msg",
    "im_recall_msg",
    "new_follow_action",
)
_OFF: Final = 0


def switched_off(listed: object) -> list[str]:
    """The wanted events that the platform says are off. What it does not list is not known to be."""
    rows: Iterable[Any] = listed if isinstance(listed, list) else []
    off = {
        row["event"]
        for row in rows
        if isinstance(row, dict)
        and isinstance(row.get("event"), str)
        and number(row.get("status")) == _OFF
    }
    return [event for event in WANTED if event in off]
