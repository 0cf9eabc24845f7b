"""What agents do, in few words."""

from typing import Any

import httpx2

from services.direct_messages import actions
from tests.service.direct_messages.conftest import Shop

AGENT_SCOPES = frozenset({"dm:read", "dm:send"})


async def an_agent(shop: Shop, name: str, *, is_there: bool = True, **more: Any) -> str:
    """An agent with a key of their own (`key_<name>`); her id."""
    body = {"name": name, "key_id": f"key_{name}", **more}
    made = await shop.call("POST", "/v1/agents", body)
    assert made.status_code == 201, made.text
    agent: str = made.json()["id"]
    if is_there:
        await be(shop, agent, "online")
    return agent


async def be(shop: Shop, agent: str, presence: str) -> None:
    """Say whether an agent is there."""
    path = f"/v1/agents/{agent}/presence"
    said = await shop.call("PUT", path, {"presence": presence}, if_match="*")
    assert said.status_code == 200, said.text


async def act(shop: Shop, verb: str, by: str, **body: Any) -> httpx2.Response:
    """An agent does something with the fan's conversation, with the key that is theirs."""
    conversation = (await shop.conversation())["id"]
    headers = shop.caller_with_key(f"key_{by}", AGENT_SCOPES)
    path = f"/v1/conversations/{conversation}/{verb}"
    return await shop.world.http.post(path, json=body, headers=headers)


async def hand_offs(shop: Shop, query: str = "") -> list[dict[str, Any]]:
    """What is with people."""
    found: list[dict[str, Any]] = (await shop.get(f"/v1/hand-offs{query}")).json()["data"]
    return found


async def stages(shop: Shop) -> list[tuple[str, str | None]]:
    """Stage and agent of every hand-off there was, the oldest first."""
    rows = await shop.world.sql(
        "SELECT stage, agent_id FROM direct_messages.hand_off ORDER BY queued_at, id"
    )
    return [(row[0], row[1]) for row in rows]


async def turn(shop: Shop) -> None:
    """What the clock does every five seconds."""
    await actions.turn_hand_offs(shop.deps)
    await shop.world.drain()
