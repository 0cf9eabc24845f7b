"""What an operator does by hand: migrations, quarantine."""

import asyncio
import tempfile
from pathlib import Path

from services.douyin.actions.bodies import read_webhook
from services.embedded.console.dead_letters import WEBHOOKS, DeadLetters
from services.embedded.servers import CannotStart, PostgresServer
from services.embedded.services import BY_NAME, SERVICES
from shared.db import ALL_TENANTS, migrations
from shared.runtime import Resources
from shared.settings import ProcessSettings

_PATIENCE = 90.0  # seconds for five attempts
_FIRST, _AT_ONCE = ("", ""), 1000
_SAID = {
    "handled": "handled",
    "failed_again": "failed again: {reason}",
    "retrying": "was not taken by its consumer; it stays in the list",
    "not_found": "is not in quarantine",
}
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
    letters = DeadLetters(resources, SERVICES)
    for letter in await letters.listed(ALL_TENANTS, None, _FIRST, _AT_ONCE):
        kind, at = letter.type or "undecodable", f"{letter.since:%Y-%m-%d %H:%M:%S}"
        print(letter.service, letter.id, kind, letter.reason, at)
    await resources.close()


async def redrive(settings: ProcessSettings, service: str, event_id: str) -> None:
    """Hand envelopes to their lane again and say what became of each; none is forgotten before."""
    resources = Resources(settings, "operator")
    letters = DeadLetters(resources, [BY_NAME["douyin" if service == WEBHOOKS else service]])
    chosen = [(service, event_id)]
    if not event_id:
        found = await letters.listed(ALL_TENANTS, service, _FIRST, _AT_ONCE)
        chosen = [(service, letter.id) for letter in found]
    for done in await letters.redrive(ALL_TENANTS, chosen, seconds=_PATIENCE):
        print(done.id, _SAID[done.result].format(reason=done.reason))
    await resources.close()


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
