"""`siyu demo`, `siyu send-dm` and `siyu clock advance`: play with what `siyu up` started."""

import json
import time
from datetime import timedelta
from typing import Any

from rich.console import Console
from rich.markup import escape
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import create_async_engine

from services.embedded.data_directory import DataDirectory
from services.embedded.demo.asking import read_facts, running_demo
from services.embedded.demo.screen import Screen
from services.embedded.demo.story import tell
from services.embedded.servers import CannotStart
from services.embedded.servers.choice import choose_servers
from services.embedded.settings import EmbeddedSettings
from shared.db.migrations import CLOCK_STANDS
from shared.errors import NeighbourAway
from shared.http.client import JsonClient

_ADVANCE = text("UPDATE siyu.clock SET ahead = ahead + :by RETURNING siyu.business_now() + :by")


async def tell_story() -> None:
    """The life of one new fan, from her first message to her follow, decision by decision."""
    async with running_demo() as demo:
        await tell(demo, Screen(_console()))


async def send_dm(fan: str, words: str) -> None:
    """Let the simulator post a fan's message; print the decision and what reached the platform."""
    began = time.monotonic()
    async with running_demo() as demo:
        story = await demo.say(fan, words)
    _show(_console(), fan, words, story, time.monotonic() - began)


def _console() -> Console:
    return Console(highlight=False, soft_wrap=True)


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
    demo = read_facts(settings)
    servers = choose_servers(
        DataDirectory(settings.data_dir), settings.database_url, settings.redis_url
    )
    engine = create_async_engine(servers.database_url)
    simulator = JsonClient(demo["simulator_url"])
    try:
        body = json.dumps({"advance_ms": round(by.total_seconds() * 1000)}).encode()
        async with engine.begin() as connection:
            await connection.execute(_ADVANCE, {"by": by})
            now = (await connection.execute(text("SELECT siyu.business_now()"))).scalar_one()
            await simulator.post("/_simulator/clock", body, token="-")  # both move, or neither
    except IntegrityError as refused:
        if CLOCK_STANDS not in str(refused):
            raise
        raise CannotStart(
            "the business clock of this database stands: `siyu up` did not prepare it."
        ) from None
    except (NeighbourAway, OSError):
        raise CannotStart(
            "the simulator or PostgreSQL gave no answer: is `make run` running?"
        ) from None
    finally:
        await simulator.close()
        await engine.dispose()
    print(f"It is now {now:%Y-%m-%d %H:%M:%S} UTC.")
