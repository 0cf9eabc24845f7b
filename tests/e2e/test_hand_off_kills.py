"""A process that dies between a hand-off and its notices loses neither and doubles neither."""

from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.e2e.house import House, eventually

# after the hand-off was committed, before anybody was asked; and with the notice held, not yet written
DEADLY = "direct_messages.before_seat=kill9:p0.4;direct_messages.notice_held=kill9:p0.4"
FANS = [f"fan-of-kills-{number}" for number in range(4)]
RULES_NOTICE, QUEUE_NOTICE = "正在为您转接人工客服", "您前面还有"


def ask(house: House, verb: str, path: str, body: Any = None) -> Any:
    """Ask the API until it answers: it is being killed."""
    headers = {"Authorization": f"Bearer {house.demo['api_key']}", "If-Match": "*"}
    found: dict[str, Any] = {}

    def answered() -> bool:
        try:
            answer = house.http.request(verb, house.base + path, json=body, headers=headers)
        except httpx2.TransportError:
            return False
        found["body"] = answer.json()
        return answer.is_success

    eventually(answered, within=60, why=lambda: found)
    return found["body"]


def sent_to(house: House, fan: str) -> list[str]:
    """Texts that the platform accepted for a fan."""
    record = house.http.get(f"{house.simulator}/_simulator/sent").json()["messages"]
    return [m["content"]["text"]["text"] for m in record if m["to_user_id"] == fan]


def notices(house: House, conversation: str) -> list[str]:
    """The notices that were written in a conversation and handed to the connector."""
    moments = ask(house, "GET", f"/v1/conversations/{conversation}/timeline")["data"]
    texts = [m["text"] for m in moments if m["direction"] == "out" and m["state"] != "failed"]
    return [word for text in texts for word in (RULES_NOTICE, QUEUE_NOTICE) if word in text]


@pytest.mark.timeout(600)
def test_a_hand_off_and_its_notices_survive_whoever_dies_between(tmp_path: Path) -> None:
    house = House(tmp_path, FAILPOINT=DEADLY, FAILPOINT_SEED="11")
    try:
        house.start()
        first = house.pid("application")
        agent = ask(house, "POST", "/v1/agents", {"name": "小青", "capacity": 1})["id"]
        presence = {"presence": "online"}
        ask(house, "PUT", f"/v1/agents/{agent}/presence", presence)
        for fan in FANS:
            said = {"from": fan, "to": house.demo["account_open_id"], "text": "我要人工"}
            house.http.post(f"{house.simulator}/_simulator/messages", json=said)

        def settled() -> bool:
            waiting = ask(house, "GET", "/v1/hand-offs")["data"]
            told = [h for h in waiting if h["noticed_at"]]
            return len(waiting) == len(FANS) and len(told) >= len(FANS) - 1

        eventually(settled, within=120, why=lambda: ask(house, "GET", "/v1/hand-offs"))
        for hand_off in ask(house, "GET", "/v1/hand-offs")["data"]:
            is_told = hand_off["noticed_at"] is not None
            expected = [RULES_NOTICE] + [QUEUE_NOTICE] * is_told
            written = notices(house, hand_off["conversation_id"])
            assert sorted(written) == sorted(expected), (hand_off, written)
            # what was leaving when the process died is unknown, and is not sent again
            sent = sent_to(house, hand_off["fan_open_id"])
            assert all(sum(word in text for text in sent) <= 1 for word in expected), sent
        assert house.pid("application") != first, "nothing died"
    finally:
        house.stop()
