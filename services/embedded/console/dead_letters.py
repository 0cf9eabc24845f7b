"""Envelopes that were put aside, of every service: looked at, and handed to their consumers again.

The one mechanism behind `siyu quarantine`, `siyu redrive`, the operations API and the console.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from services.direct_messages.domain.messages import decided_message
from shared.contracts.envelope import Envelope
from shared.db import ALL_TENANTS
from shared.db.engine import Delivery
from shared.errors import NeighbourAway
from shared.inbox import Quarantine, Quarantined
from shared.runtime import Resources, Service

Result = Literal["handled", "failed_again", "retrying", "not_found"]
_LOOK_EVERY = 0.1  # seconds


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One envelope that waits for a person. `envelope` None: nobody can read it."""

    service: str
    kept: Quarantined
    envelope: Envelope | None

    @property
    def decided_message(self) -> str | None:
        """The message whose decision tells the story, as far as the envelope says."""
        if self.envelope is None:
            return None
        told = self.envelope
        return decided_message(told.type, told.id, str(told.data.get("operation_id", "")))

    def belongs_to(self, organization_id: str) -> bool:
        """Whether the organization may see it: its own, and what names nobody."""
        if organization_id == ALL_TENANTS or self.envelope is None:
            return True
        return self.envelope.organization_id == organization_id


@dataclass(frozen=True, slots=True)
class Redriven:
    """What became of one letter so far."""

    service: str
    id: str
    result: Result
    reason: str = ""


class DeadLetters:
    """The quarantines of these services."""

    def __init__(self, resources: Resources, services: Sequence[Service]) -> None:
        self._streams = resources.streams
        self._quarantines = {s.name: Quarantine(resources.database(s.name)) for s in services}

    async def count(self, service: str) -> int:
        """How many of a service wait, of whomever. Raises NeighbourAway."""
        return await self._quarantines[service].size()

    async def listed(
        self, organization_id: str, service: str | None, after: tuple[str, str], most: int
    ) -> list[DeadLetter]:
        """Letters behind (service, id) that the organization may see, by service, the oldest first."""
        found: list[DeadLetter] = []
        for name, quarantine in self._quarantines.items():
            if (service or name) != name or name < after[0]:
                continue
            last = after[1] if name == after[0] else ""
            while len(found) < most:
                rows = await quarantine.waiting(after=last)
                letters = [_letter(name, kept) for kept in rows]
                found += [letter for letter in letters if letter.belongs_to(organization_id)]
                if not rows:
                    break
                last = rows[-1].id
        return found[:most]

    async def redrive(
        self, organization_id: str, chosen: Sequence[tuple[str, str]], *, seconds: float
    ) -> list[Redriven]:
        """Hand (service, id) to their lanes again, and say after `seconds` at most how each stands.

        None is forgotten before it is handled: what still waits then stays in the list.
        """
        results = [await self._release(organization_id, service, id_) for service, id_ in chosen]
        deadline = time.monotonic() + seconds
        while any(r.result == "retrying" for r in results):
            results = [await self._looked_at(r) for r in results]
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(_LOOK_EVERY)
        return results

    async def _release(self, organization_id: str, service: str, id_: str) -> Redriven:
        quarantine = self._quarantines.get(service)
        kept = await quarantine.find(id_) if quarantine else None
        if quarantine is None or kept is None:
            return Redriven(service, id_, "not_found")
        if not _letter(service, kept).belongs_to(organization_id):
            return Redriven(service, id_, "not_found")
        if not await quarantine.release(id_):
            return Redriven(service, id_, "retrying")  # somebody was quicker
        try:
            await self._streams.send([Delivery(id_, service, kept.lane, kept.envelope)])
        except NeighbourAway:
            await quarantine.give_up(id_, kept.lane, kept.envelope, kept.reason)
            raise
        return Redriven(service, id_, "retrying")

    async def _looked_at(self, before: Redriven) -> Redriven:
        if before.result != "retrying":
            return before
        kept = await self._quarantines[before.service].find(before.id)
        if kept is None:
            return Redriven(before.service, before.id, "handled")
        if kept.quarantined_at is not None:
            return Redriven(before.service, before.id, "failed_again", kept.reason)
        return before


def _letter(service: str, kept: Quarantined) -> DeadLetter:
    try:
        return DeadLetter(service, kept, Envelope.load(kept.envelope))
    except (ValueError, KeyError, TypeError):
        return DeadLetter(service, kept, None)


def since(letter: DeadLetter) -> datetime:
    """When it was put aside, or handed over again."""
    return letter.kept.quarantined_at or letter.kept.updated_at
