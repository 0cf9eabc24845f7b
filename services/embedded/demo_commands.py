"""`siyu send-dm` and `siyu clock advance`: play with what `siyu up` started."""

import asyncio
import json
import time
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from rich.console import Console
from rich.markup import escape
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from services.embedded.data_directory import DataDirectory
from services.embedded.servers import CannotStart
from services.embedded.servers.choice import choose_servers
from services.embedded.settings import EmbeddedSettings
from services.embedded.up import DEMO_FILE
from shared.errors import NeighbourAway
from shared.http.client import JsonClient

_PATIENCE = 10.0  # seconds to wait for an answer
_ADVANCE = text("UPDATE siyu.clock SET ahead = ahead + :by RETURNING siyu.business_now() + :by")


def _demo(settings: EmbeddedSettings) -> dict[str, Any]:
    path = settings.data_dir / DEMO_FILE
    try:
        facts: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        raise CannotStart(f"{path} is not there: start `make run` first.") from None
    return facts


async def send_dm(fan: str, words: str) -> None:
    """Let the simulator post a fan's message; print the decision and what reached the platform."""
    demo = _demo(EmbeddedSettings.read())
    simulator, api = JsonClient(demo["simulator_url"]), JsonClient(demo["base_url"])
    body = {"from": fan, "to": demo["account_open_id"], "text": words}
    began = time.monotonic()
    try:
        posted = await simulator.post("/_simulator/messages", json.dumps(body).encode(), token="-")
        story = await _story(_Asking(api, demo), fan, json.loads(posted)["msg_id"])
    except NeighbourAway as away:
        asked = away.facts.get("neighbour")
        raise CannotStart(f"no answer from {asked}: is `make run` running?") from None
    finally:
        await simulator.close()
        await api.close()
    _show(Console(highlight=False, soft_wrap=True), fan, words, story, time.monotonic() - began)


class _Asking:
    """The public API, asked with the demo key."""

    def __init__(self, api: JsonClient, demo: dict[str, Any]) -> None:
        self._api, self.account_id = api, demo["account_id"]
        self._headers = {"Authorization": f"Bearer {demo['api_key']}"}

    async def get(self, path: str) -> dict[str, Any]:
        """The answer's JSON; {} for anything but a 200."""
        status, body = await self._api.get(path, self._headers)
        return dict(json.loads(body)) if status == HTTPStatus.OK else {}


async def _story(asking: _Asking, fan: str, platform_message_id: str) -> dict[str, Any]:
    """The decision on that message once its replies are settled, or as far as it came."""
    deadline = time.monotonic() + _PATIENCE
    story: dict[str, Any] = {}
    while time.monotonic() < deadline:
        message = await _message_id(asking, fan, platform_message_id)
        if message is not None:
            story = await asking.get(f"/v1/messages/{message}/decision")
            if all(item["state"] != "queued" for item in story.get("items", ())):
                break
        await asyncio.sleep(0.05)
    return story


async def _message_id(asking: _Asking, fan: str, platform_message_id: str) -> str | None:
    listed = f"/v1/accounts/{asking.account_id}/conversations?limit=1&fan={quote(fan)}"
    for conversation in (await asking.get(listed)).get("data", ()):
        recent = await asking.get(f"/v1/conversations/{conversation['id']}/timeline?limit=20")
        for entry in recent.get("data", ()):
            if entry["direction"] == "in" and entry["platform_message_id"] == platform_message_id:
                return str(entry["id"])
    return None


def _show(console: Console, fan: str, words: str, story: dict[str, Any], seconds: float) -> None:
    console.print(f"[bold]{escape(fan)}[/]  {escape(words)}")
    for item in story.get("items", ()):
        console.print(f"[green]shop[/]  {escape(item['text'])}  [dim]({item['state']})[/]")
    rule = (story.get("rule") or {}).get("name", "none")
    outcome = story.get("outcome", "not decided within ten seconds")
    console.print(f"[dim]{outcome}; rule: {escape(rule)}; {seconds * 1000:.0f} ms[/]")
    if story:
        path = f"/v1/messages/{story['inbound']['id']}/decision"
        console.print(f"[dim]why, in full: GET {path}  (cause {story['cause']})[/]")


async def advance_clock(by: timedelta) -> None:
    """Move our business clock and the simulator's together."""
    settings = EmbeddedSettings.read()
    demo = _demo(settings)
    servers = choose_servers(
        DataDirectory(settings.data_dir), settings.database_url, settings.redis_url
    )
    engine = create_async_engine(servers.database_url)
    simulator = JsonClient(demo["simulator_url"])
    try:
        body = json.dumps({"advance_ms": round(by.total_seconds() * 1000)}).encode()
        await simulator.post("/_simulator/clock", body, token="-")
        async with engine.begin() as connection:
            await connection.execute(_ADVANCE, {"by": by})
            now = (await connection.execute(text("SELECT siyu.business_now()"))).scalar_one()
    except (NeighbourAway, OSError):
        raise CannotStart(
            "the simulator or PostgreSQL gave no answer: is `make run` running?"
        ) from None
    finally:
        await simulator.close()
        await engine.dispose()
    print(f"It is now {now:%Y-%m-%d %H:%M:%S} UTC.")
