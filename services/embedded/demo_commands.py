"""`siyu send-dm` and `siyu clock advance`: play with what `siyu up` started."""

import json
import time
from datetime import timedelta
from typing import Any

from rich.console import Console
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
    console = Console()
    demo = _demo(EmbeddedSettings.read())
    simulator, api = JsonClient(demo["simulator_url"]), JsonClient(demo["base_url"])
    headers = {"Authorization": f"Bearer {demo['api_key']}"}
    body = {"from": fan, "to": demo["account_open_id"], "text": words}
    began = time.monotonic()
    try:
        said = json.loads(
            await simulator.post("/_simulator/messages", json.dumps(body).encode(), token="-")
        )
        console.print(f"[bold]{fan}[/]  {words}", highlight=False)
        story = await _story(api, headers, demo["account_id"], fan, said)
        took = (time.monotonic() - began) * 1000
        for item in story.get("items", []):
            console.print(
                f"[green]{demo['account_open_id']}[/]  {item['text']}  [dim]{item['state']}[/]",
                highlight=False,
            )
        why = {k: v for k, v in story.items() if k in {"outcome", "rule", "quota", "cause"}}
        console.print(
            f"[dim]{took:.0f} ms  {json.dumps(why, ensure_ascii=False)}[/]", highlight=False
        )
    except NeighbourAway as away:
        raise CannotStart(
            f"no answer from {away.facts.get('neighbour')}: is `make run` running?"
        ) from None
    finally:
        await simulator.close()
        await api.close()


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
