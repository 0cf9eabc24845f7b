"""What an operator does by hand: migrations, quarantine."""

import asyncio
import tempfile
from pathlib import Path

import orjson

from services.embedded.servers import PostgresServer
from services.embedded.services import BY_NAME, SERVICES
from shared.db import migrations
from shared.db.engine import Delivery
from shared.inbox import Quarantine
from shared.runtime import Resources
from shared.settings import ProcessSettings

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
    """Take envelopes out of quarantine and put them on their lane again."""
    resources = Resources(settings, "operator")
    quarantine = Quarantine(resources.database(service))
    taken = await quarantine.redrive(event_id)
    await resources.streams.send([Delivery(id_, service, lane, raw) for id_, lane, raw in taken])
    print(f"{len(taken)} envelopes handed to {service} again")
    await resources.close()


def _type_of(raw: bytes) -> str:
    try:
        return str(orjson.loads(raw)["type"])
    except (ValueError, KeyError, TypeError):
        return "undecodable"
