"""Settle: commit or release items of reservations, in batches, each item once."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.quota import domain, store
from services.quota.actions.deps import Deps
from services.quota.domain import Bucket, BucketKey, Entry, Line, Reason
from shared import inbox
from shared.contracts.envelope import Envelope
from shared.db import ALL_TENANTS, Tx


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of some items of a reservation; `items` None means all that are still held.

    `entry` None settles nothing (the outcome is unknown and the hold stays). `closes` says that
    the platform itself allows no more in this window.
    """

    organization_id: str
    account_id: str
    reservation_id: str
    items: frozenset[int] | None
    entry: Entry | None
    reason: str = ""
    closes: Reason | None = None


async def settle(
    deps: Deps,
    settlements: Sequence[Settlement],
    heard: Sequence[Envelope] = (),
    tenant: str = ALL_TENANTS,
) -> list[int]:
    """Units moved by each settlement; 0 where all of it was settled before.

    `heard`, from a consumer, stands beside the settlements: those of envelopes heard before are skipped.
    """
    async with deps.database.transaction(tenant) as tx:
        if heard:
            fresh = await inbox.take(tx, heard)
            settlements = [s for s, e in zip(settlements, heard, strict=True) if e.id in fresh]
        return await settle_in(tx, settlements)


async def settle_in(tx: Tx, settlements: Sequence[Settlement]) -> list[int]:
    """`settle` inside an open transaction."""
    asked = [(s.organization_id, s.account_id, s.reservation_id) for s in settlements]
    if not asked:
        return []
    unlocked = await store.lines_of(tx, asked)
    before = await store.lock_buckets(
        tx, {line.key for lines in unlocked.values() for line in lines}
    )
    # read again under the locks: nobody else can settle these lines now
    work = _Work(dict(before), await store.lines_of(tx, asked))
    moved = [work.apply(settlement) for settlement in settlements]
    await store.save_buckets(tx, [b for key, b in work.buckets.items() if b != before[key]])
    await store.record(tx, work.entries)
    await store.count_settled(tx, work.counts())
    return moved


class _Work:
    """The state of a batch of settlements."""

    def __init__(
        self, buckets: dict[BucketKey, Bucket], lines: dict[str, tuple[Line, ...]]
    ) -> None:
        self.buckets, self._lines = buckets, lines
        self.entries: list[store.NewEntry] = []
        self._settled: dict[tuple[str, str, str], tuple[set[int], set[int]]] = {}

    def apply(self, settlement: Settlement) -> int:
        """Move what the settlement newly settles; the units moved."""
        lines = self._lines.get(settlement.reservation_id, ())
        if settlement.closes is not None:
            for line in lines:
                self.buckets[line.key] = domain.close(
                    self.buckets[line.key], line.window_id, settlement.closes
                )
        if settlement.entry is None:
            return 0
        moved = domain.settle(lines, settlement.items, settlement.entry)
        for line in moved:
            self.buckets[line.key] = domain.settled_bucket(self.buckets[line.key], line)
            self.entries.append(
                store.NewEntry(line, line.settled or settlement.entry, settlement.reason)
            )
        by_place = {(line.key, line.item): line for line in moved}
        now = tuple(by_place.get((line.key, line.item), line) for line in lines)
        self._lines[settlement.reservation_id] = now
        place = (settlement.organization_id, settlement.account_id, settlement.reservation_id)
        settled, committed = self._settled.setdefault(place, (set(), set()))
        has_items = any(line.item != domain.OPERATION_ITEM for line in lines)
        counted = [line for line in moved if line.item != domain.OPERATION_ITEM or not has_items]
        settled.update(line.item for line in counted)
        committed.update(line.item for line in counted if line.settled is Entry.COMMITTED)
        return sum(line.units for line in moved)

    def counts(self) -> list[tuple[str, str, str, int, int]]:
        """Rows for `store.count_settled`."""
        return [
            (*place, len(done), len(used)) for place, (done, used) in self._settled.items() if done
        ]
