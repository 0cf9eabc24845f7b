"""What this process has claimed, and what it may have claimed without hearing of it."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.douyin import store
from shared import ids
from shared.db import ALL_TENANTS, Database, Tx
from shared.errors import NeighbourAway

LEASE = timedelta(seconds=12)
MOST_CLAIMED = 192  # what a killed process leaves in doubt is never more than this
_PAUSE_SECONDS = 0.3


def _number() -> int:
    return int.from_bytes(ids.chance(8), "big") >> 1


@dataclass(slots=True)
class Claim:
    """What one transaction claims: ours until `LEASE` after `at`, a time of this process's own clock.

    Its number is written with each attempt: by that the claim is found again when the word of the
    commit was lost, and told from every other of the same attempt.
    """

    room: int
    number: int = field(default_factory=_number)
    at: float = field(default_factory=time.monotonic)
    now: datetime = field(init=False)  # business time then
    conversations: set[store.Conversation] = field(default_factory=set)
    attempts: list[store.Claimed] = field(default_factory=list)

    async def insert(
        self, tx: Tx, new: list[store.NewAttempt], going: list[store.NewAttempt]
    ) -> None:
        """Write the intents down, and claim those that go. The conversations are locked."""
        self._begin(tx, (a.conversation for a in going))
        self.attempts += await store.insert_attempts(tx, new, going, LEASE, self.number)

    async def take_next(self, tx: Tx, conversations: Iterable[store.Conversation]) -> None:
        """Claim the next item of each conversation, as far as there is room. They are locked."""
        here = set(conversations)
        self._begin(tx, here)
        room = self.room - len(self.attempts)
        self.attempts += await store.claim_next(tx, here, LEASE, self.number, room)

    async def find(self, tx: Tx, lost: "Claim") -> None:
        """Take up again what `lost` claimed."""
        await store.lock_conversations(tx, lost.conversations)  # it may still be committing
        self._begin(tx, lost.conversations)
        self.number = lost.number
        self.attempts += await store.find_claimed(tx, lost.conversations, LEASE, lost.number)

    def _begin(self, tx: Tx, conversations: Iterable[store.Conversation]) -> None:
        self.conversations.update(conversations)
        self.now = tx.now


class Claims:
    """Claims are made here and handed to `send`. One a process."""

    def __init__(self, database: Database, send: Callable[[Claim], None]) -> None:
        self._database, self._send = database, send
        self._lost: deque[Claim] = deque()
        self._some_lost = asyncio.Event()
        self.count = 0  # waiting, sending, or not settled yet
        self.is_behind = False

    @property
    def room(self) -> int:
        """For how many more there is room."""
        return MOST_CLAIMED - self.count

    def has_room(self) -> bool:
        """Whether what is late may be written down: it would be sent, and not stand before what is new."""
        return not self.is_behind

    @contextmanager
    def claiming(self, wanted: int) -> Iterator[Claim]:
        """A claim for as many of those `wanted` as there is room for; at the end it is sent."""
        granted = max(min(self.room, wanted), 0)
        self.is_behind |= granted < wanted
        self.count += granted
        try:
            with self.made(Claim(granted)) as claim:
                yield claim
        finally:
            self.count -= granted

    @contextmanager
    def made(self, claim: Claim) -> Iterator[Claim]:
        """Send what is claimed in the block; a claim that may have been made unheard is looked for."""
        try:
            yield claim
        except BaseException:
            if claim.conversations:
                self._lost.append(claim)
                self._some_lost.set()
            raise
        self._offer(claim)

    def _offer(self, claim: Claim) -> None:
        self.count += len(claim.attempts)
        if claim.attempts:
            self._send(claim)

    async def find_for_ever(self) -> None:
        """Look for what was claimed unheard, until cancelled."""
        while True:
            await self._some_lost.wait()
            await asyncio.sleep(_PAUSE_SECONDS)
            await self.find_lost()

    async def find_lost(self) -> None:
        """Send what was claimed unheard, as far as PostgreSQL answers."""
        while self._lost:
            found = Claim(0)
            try:
                async with self._database.transaction(ALL_TENANTS) as tx:
                    await found.find(tx, self._lost[0])
            except NeighbourAway:
                return
            self._lost.popleft()
            self._offer(found)
        self._some_lost.clear()
