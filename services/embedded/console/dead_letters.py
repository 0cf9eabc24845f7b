"""What was put aside: envelopes of every service, and webhooks; looked at, and handed over again.

The one mechanism behind `siyu quarantine`, `siyu redrive`, the operations API and the console.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from services.direct_messages.domain.messages import decided_message
from services.douyin.actions.untold import UntoldRow, count_untold, list_untold, tell_after_all
from shared.contracts.envelope import Envelope
from shared.db import ALL_TENANTS
from shared.db.engine import Delivery
from shared.errors import NeighbourAway, NotFound
from shared.inbox import Quarantine, Quarantined
from shared.runtime import Resources, Service

Result = Literal["handled", "failed_again", "retrying", "not_found"]
WEBHOOKS: Final = "douyin.inbound"  # stands for a service where letters are webhooks
_OWNER: Final = "douyin"
_LOOK_EVERY = 0.1  # seconds
_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One envelope or webhook that waits for a person. What nobody can read names nobody."""

    service: str
    id: str
    lane: str
    type: str | None
    reason: str
    attempts: int
    since: datetime  # when it was put aside, or handed over again
    is_retrying: bool
    organization_id: str | None
    account_id: str | None
    subject: str | None
    cause: str | None
    decided_message: str | None  # the message whose decision tells the story

    def belongs_to(self, organization_id: str) -> bool:
        """Whether the organization may see it: its own, and what names nobody."""
        return organization_id == ALL_TENANTS or self.organization_id in {None, organization_id}


@dataclass(frozen=True, slots=True)
class Redriven:
    """What became of one letter so far."""

    service: str
    id: str
    result: Result
    reason: str = ""


class DeadLetters:
    """The quarantines of these services, and the webhooks that were stored and not told."""

    def __init__(self, resources: Resources, services: Sequence[Service]) -> None:
        self._resources, self._streams = resources, resources.streams
        self._quarantines = {s.name: Quarantine(resources.database(s.name)) for s in services}
        self._webhooks = resources.database(_OWNER) if _OWNER in self._quarantines else None

    async def count(self, service: str) -> int:
        """How many of a service wait, of whomever. Raises NeighbourAway."""
        size = await self._quarantines[service].size()
        if service == _OWNER and self._webhooks is not None:
            size += await count_untold(self._webhooks)
        return size

    async def listed(
        self, organization_id: str, service: str | None, after: tuple[str, str], most: int
    ) -> list[DeadLetter]:
        """Letters behind (service, id) that the organization may see, by service, the oldest first."""
        found: list[DeadLetter] = []
        for name in sorted({*self._quarantines, *([WEBHOOKS] if self._webhooks else [])}):
            if (service or name) != name or name < after[0]:
                continue
            last = after[1] if name == after[0] else ""
            while len(found) < most:
                letters = await self._page(name, organization_id, last)
                found += [letter for letter in letters if letter.belongs_to(organization_id)]
                if not letters:
                    break
                last = letters[-1].id
        return found[:most]

    async def _page(self, name: str, organization_id: str, after: str) -> list[DeadLetter]:
        if name == WEBHOOKS and self._webhooks is not None:
            rows = await list_untold(self._webhooks, organization_id, after, _AT_ONCE)
            return [_webhook(row) for row in rows]
        kept = await self._quarantines[name].waiting(after=after, most=_AT_ONCE)
        return [_letter(name, one) for one in kept]

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
        if service == WEBHOOKS:
            return await self._tell(organization_id, id_)
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

    async def _tell(self, organization_id: str, id_: str) -> Redriven:
        if self._webhooks is None:
            return Redriven(WEBHOOKS, id_, "not_found")
        sealer = self._resources.sealer
        try:
            refused = await tell_after_all(self._webhooks, sealer, organization_id, id_)
        except NotFound:
            return Redriven(WEBHOOKS, id_, "not_found")
        return Redriven(WEBHOOKS, id_, "failed_again" if refused else "handled", refused or "")

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
    told, story = None, None
    with suppress(ValueError, KeyError, TypeError):  # said by what is None
        told = Envelope.load(kept.envelope)
        story = decided_message(told.type, told.id, str(told.data.get("operation_id", "")))
    return DeadLetter(
        service=service,
        id=kept.id,
        lane=kept.lane,
        type=told.type if told else None,
        reason=kept.reason,
        attempts=kept.attempts,
        since=kept.quarantined_at or kept.updated_at,
        is_retrying=kept.quarantined_at is None,
        organization_id=str(told.organization_id) if told else None,
        account_id=str(told.account_id) if told else None,
        subject=str(told.subject) if told else None,
        cause=str(told.cause) if told else None,
        decided_message=story,
    )


def _webhook(row: UntoldRow) -> DeadLetter:
    return DeadLetter(
        service=WEBHOOKS,
        id=row.id,
        lane="door",
        type=row.event,
        reason=row.reason,
        attempts=1,
        since=row.received_at,
        is_retrying=False,
        organization_id=row.organization_id,
        account_id=row.account_id or None,
        subject=None,
        cause=row.id,
        decided_message=None,
    )
