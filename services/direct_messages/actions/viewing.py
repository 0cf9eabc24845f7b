"""What fans did, as it was heard, and what is read before it is decided."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.direct_messages import store
from services.direct_messages.actions.deps import Deps, Setting
from services.direct_messages.domain.cases import FanFacts, Inbound
from services.direct_messages.domain.conversations import Conversation
from services.direct_messages.store import Account, Fan
from shared import inbox
from shared.contracts.envelope import Envelope
from shared.db import ALL_TENANTS


@dataclass(frozen=True, slots=True)
class Heard:
    """What a fan did, as an envelope told it."""

    envelope: Envelope
    inbound: Inbound
    fan_open_id: str
    platform_conversation_id: str | None  # a follow names none
    kind: str  # the platform's word
    created_at: datetime  # by the platform's clock
    learnt: FanFacts | None = None  # of a follow
    content: dict[str, Any] | None = None  # what came with a message that is no text

    @property
    def fan(self) -> Fan:
        """Whose conversation it belongs to."""
        return self.envelope.organization_id, self.envelope.account_id, self.fan_open_id

    @property
    def platform_key(self) -> Fan:
        """The platform's message, within its account."""
        return *self.fan[:2], self.inbound.platform_id or ""

    @property
    def order(self) -> tuple[datetime, str]:
        """Its place among the fan's events."""
        return self.created_at, self.inbound.platform_id or ""


@dataclass(frozen=True, slots=True)
class View:
    """What was read before deciding."""

    now: datetime
    new: list[Heard]
    repeated: list[Heard]  # told before under another event id
    conversations: dict[Fan, Conversation]
    facts: dict[Fan, FanFacts]
    settings: dict[Account, Setting]

    @property
    def ready(self) -> list[Heard]:
        """What is new, of accounts that are known."""
        return [h for h in self.new if h.fan[:2] in self.settings]

    @property
    def waiting(self) -> list[Envelope]:
        """What is new, of accounts that are not known."""
        return [h.envelope for h in self.new if h.fan[:2] not in self.settings]

    def forget(self, accounts: set[Account]) -> None:
        """They are not known after all, and what was learnt of their fans is learnt another time."""
        for account in accounts:
            del self.settings[account]
        for fan in [fan for fan in self.facts if fan[:2] in accounts]:
            del self.facts[fan]


async def read(deps: Deps, heard: Sequence[Heard]) -> View:
    """Everything that deciding these needs, of what was not handled before."""
    async with deps.database.transaction(ALL_TENANTS) as tx:
        unseen = {e.id for e in await inbox.unseen(tx, [h.envelope for h in heard])}
        left = [h for h in heard if h.envelope.id in unseen]
        if not left:
            return View(tx.now, [], [], {}, {}, {})
        stored = await store.heard_before(tx, {h.platform_key for h in left})
        new, repeated = _told_apart(left, stored)
        fans = {h.fan for h in new}
        return View(
            now=tx.now,
            new=new,
            repeated=repeated,
            conversations=await store.conversations_of(tx, fans),
            facts=await store.fan_facts(tx, fans),
            settings=await deps.catalogue.settings(tx, {fan[:2] for fan in fans}),
        )


def _told_apart(heard: list[Heard], stored: set[Fan]) -> tuple[list[Heard], list[Heard]]:
    """Those to decide, and those whose message is known by the platform's id already."""
    new, repeated, seen = [], [], set(stored)
    for one in heard:
        if one.inbound.platform_id is not None and one.platform_key in seen:
            repeated.append(one)
        else:
            seen.add(one.platform_key)
            new.append(one)
    return new, repeated
