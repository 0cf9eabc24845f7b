"""A hearer of events in a process of its own: takes each into its inbox, and notes when that was committed.

python -m tests.load.hop NOTES    (DATABASE_URL, REDIS_URL and SIYU_MASTER_KEY say where)
"""

import sys
import time
from pathlib import Path

import uvloop

from shared import inbox
from shared.contracts.envelope import Envelope
from shared.db import ALL_TENANTS
from shared.inbox import Quarantine
from shared.queue import Lane
from shared.runtime import Resources
from shared.settings import ProcessSettings

EVENT, HEARER, LANE = "douyin.message_received", "direct_messages", "live"
LINE = len("evt_0123456789abcdef0123456789abcdef 1700000000.000000\n")


async def hear(notes: Path) -> None:
    """Hear until stopped."""
    settings = ProcessSettings()
    resources = Resources(settings, "bench-hearer")
    database = resources.database(HEARER)
    with notes.open("ab", buffering=0) as file:

        async def take(envelopes: list[Envelope]) -> None:
            async with database.transaction(ALL_TENANTS) as tx:
                fresh = await inbox.take(tx, envelopes)
            now = f"{time.time():.6f}"
            file.write("".join(f"{id_} {now}\n" for id_ in fresh).encode())

        streams, quarantine = resources.streams, Quarantine(database)
        await Lane(HEARER, LANE, {EVENT: take}, streams, quarantine).run()


if __name__ == "__main__":
    uvloop.run(hear(Path(sys.argv[1])))
