"""What an operator does by hand: migrations, quarantine."""

import asyncio
import tempfile
from pathlib import Path

import orjson

from services.douyin.actions.bodies import read_webhook
from services.embedded.servers import CannotStart, PostgresServer
from services.embedded.services import BY_NAME, SERVICES
from shared.db import migrations
from shared.db.engine import Delivery
from shared.inbox import Quarantine
from shared.runtime import Resources
from shared.settings import ProcessSettings

_PATIENCE = 90  # seconds for five attempts
_PASSWORD = "only-for-this-minute"


def check_migrations() -> None:
    """Raise when a service's migrations do not make exactly its tables."""
    with tempfile.TemporaryDirectory() as folder, PostgresServer(Path(folder), fast=True) as server:
        for service in SERVICES:
            url = server.url()
            asyncio.run(migrations.check(url, service.name, service.metadata, _PASSWORD))


def new_migration(service: str, message: str) -> None:
    """Write a revision file for what the tables have and the migrations have not."""
    metadata = BY_NAME[service].metadata
    with tempfile.TemporaryDirectory() as folder, PostgresServer(Path(folder), fast=True) as server:
        url = server.url()
        asyncio.run(migrations.new_revision(url, service, metadata, _PASSWORD, message))


async def list_quarantine(settings: ProcessSettings) -> None:
    """Print a line for every envelope that was put aside; texts in it stay sealed."""
    resources = Resources(settings, "operator")
    for service in SERVICES:
        for kept in await Quarantine(resources.database(service.name)).waiting():
            at = f"{kept.quarantined_at:%Y-%m-%d %H:%M:%S}"
            print(service.name, kept.id, _type_of(kept.envelope), kept.reason, at)
    await resources.close()


async def redrive(settings: ProcessSettings, service: str, event_id: str) -> None:
    """Hand envelopes to their lane again and say what became of each; none is forgotten before."""
    resources = Resources(settings, "operator")
    quarantine = Quarantine(resources.database(service))
    chosen = [event_id] if event_id else [kept.id for kept in await quarantine.waiting()]
    for chosen_id in chosen:
        released = await quarantine.release(chosen_id)
        if released is None:
            print(chosen_id, "is not in quarantine")
            continue
        lane, raw = released
        await resources.streams.send([Delivery(chosen_id, service, lane, raw)])
        print(chosen_id, await _awaited(quarantine, chosen_id, lane, raw))
    await resources.close()


async def _awaited(quarantine: Quarantine, event_id: str, lane: str, raw: bytes) -> str:
    for _ in range(_PATIENCE * 10):
        if (outcome := await quarantine.outcome(event_id)) is not None:
            return outcome
        await asyncio.sleep(0.1)
    await quarantine.give_up(event_id, lane, raw, "not_taken")
    return "was not taken by its consumer and is in quarantine again"


async def show_webhook(settings: ProcessSettings, inbound_id: str) -> None:
    """Print what Douyin posted, as it came: the only way to read it, for it rests sealed."""
    resources = Resources(settings, "operator")
    found = await read_webhook(resources.database("douyin"), resources.sealer, inbound_id)
    await resources.close()
    if found is None:
        raise CannotStart(f"no webhook is stored as {inbound_id!r}.", exit_code=2)
    webhook = found.webhook
    at = f"{webhook.received_at:%Y-%m-%d %H:%M:%S}"
    print(webhook.event, webhook.state, webhook.reason or "-", at)
    print("(forgotten)" if found.body is None else found.body.decode("utf-8"))


def _type_of(raw: bytes) -> str:
    try:
        return str(orjson.loads(raw)["type"])
    except (ValueError, KeyError, TypeError):
        return "undecodable"
