"""The running demo, asked from outside: its public API with the demo key, and the simulator's controls."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from services.embedded.servers import CannotStart
from services.embedded.settings import EmbeddedSettings
from services.embedded.up import DEMO_FILE
from shared.errors import NeighbourAway
from shared.http.client import JsonClient

_PATIENCE = 10.0  # seconds to wait for an answer
_LOOK_AGAIN = 0.05


def read_facts(settings: EmbeddedSettings) -> dict[str, Any]:
    """What `demo.json` says. Raises CannotStart when the demo never ran."""
    path = settings.data_dir / DEMO_FILE
    try:
        facts: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        raise CannotStart(f"{path} is not there: start `make run` first.") from None
    return facts


@dataclass(frozen=True, slots=True)
class Budget:
    """How the replies to one fan stand: `cap` None means that no limit applies."""

    taken: int
    cap: int | None


class Asking:
    """One demo account, as its API and the simulator show it."""

    def __init__(self, facts: dict[str, Any], api: JsonClient, simulator: JsonClient) -> None:
        self.account_id, self._account = facts["account_id"], facts["account_open_id"]
        self._api, self._simulator = api, simulator
        self._headers = {"Authorization": f"Bearer {facts['api_key']}"}

    async def call(
        self, method: str, path: str, body: object = None, **headers: str
    ) -> tuple[int, dict[str, Any]]:
        """Status and JSON of our API's answer."""
        raw = None if body is None else json.dumps(body).encode()
        kind = {} if body is None else {"Content-Type": "application/json"}
        status, answer = await self._api.ask(
            method, path, {**self._headers, **kind, **headers}, raw
        )
        return status, json.loads(answer)

    async def get(self, path: str) -> dict[str, Any]:
        """The JSON of a 200; {} for anything else."""
        status, found = await self.call("GET", path)
        return found if status == HTTPStatus.OK else {}

    async def control(self, what: str, body: dict[str, Any]) -> dict[str, Any]:
        """Use one of the simulator's controls."""
        answer = await self._simulator.post(
            f"/_simulator/{what}", json.dumps(body).encode(), token="-"
        )
        return dict(json.loads(answer))

    async def say(self, fan: str, words: str) -> dict[str, Any]:
        """Let the fan write: the decision once its replies are settled, or as far as it came."""
        body = {"from": fan, "to": self._account, "text": words}
        said = await self.control("messages", body)
        return await self.decision(
            fan, lambda entry: entry["platform_message_id"] == said["msg_id"]
        )

    async def decision(self, fan: str, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The decision on the fan's newest wanted entry once its replies are settled."""
        story: dict[str, Any] = {}

        async def told() -> bool:
            nonlocal story
            for entry in await self.timeline(fan):
                if entry["direction"] == "in" and wanted(entry):
                    story = await self.get(f"/v1/messages/{entry['id']}/decision")
                    break
            return bool(story) and all(i["state"] != "queued" for i in story["items"])

        await eventually(told)
        return story

    async def timeline(self, fan: str) -> list[dict[str, Any]]:
        """What happened with the fan, the newest first; [] while there is no conversation."""
        listed = f"/v1/accounts/{self.account_id}/conversations?limit=1&fan={quote(fan)}"
        for conversation in (await self.get(listed)).get("data", ()):
            recent = await self.get(f"/v1/conversations/{conversation['id']}/timeline?limit=50")
            return list(recent.get("data", ()))
        return []

    async def budget(self, fan: str, settled: Callable[[Budget], bool]) -> Budget:
        """Replies to this fan in the present window, once nothing is held and it is as expected."""
        found = Budget(0, None)

        async def known() -> bool:
            nonlocal found
            path = f"/v1/accounts/{self.account_id}/quotas?fan={quote(fan)}"
            limits = (await self.get(path)).get("limits", ())
            state = next((one for one in limits if one["limit"] == "dm.reply"), None)
            if state is None:
                return False
            found = Budget(state["used"] + state["held"], state["cap"])
            return not state["held"] and settled(found)

        await eventually(known)
        return found


async def eventually(holds: Callable[[], Awaitable[bool]]) -> None:
    """Look until it holds, or until patience ends: then the caller shows what there is."""
    for _ in range(round(_PATIENCE / _LOOK_AGAIN)):
        if await holds():
            return
        await asyncio.sleep(_LOOK_AGAIN)


@asynccontextmanager
async def running_demo() -> AsyncIterator[Asking]:
    """The demo that runs on this machine. Raises CannotStart, also when it goes away meanwhile."""
    facts = read_facts(EmbeddedSettings.read())
    simulator, api = JsonClient(facts["simulator_url"]), JsonClient(facts["base_url"])
    try:
        yield Asking(facts, api, simulator)
    except NeighbourAway as away:
        asked = away.facts.get("neighbour")
        raise CannotStart(f"no answer from {asked}: is `make run` running?") from None
    finally:
        await simulator.close()
        await api.close()
