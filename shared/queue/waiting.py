"""Envelopes that wait for news. The net brings them again after 15 seconds or more; this does within one.

Memory only, and bounded: what it does not hold, or what dies with the process, the net brings.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from shared.contracts.envelope import Envelope
from shared.queue.readers import Entry

MOST: Final = 200  # tried together, they cost others next to nothing


@dataclass(frozen=True, slots=True)
class Taken:
    """An entry that could be read; `since`: when it was found to wait for news."""

    entry: Entry
    envelope: Envelope
    since: float | None = None


class Waiting:
    """What waits, each once. Pauses grow with how long it has waited, from `first` to `longest` seconds."""

    def __init__(self, first: float, longest: float) -> None:
        self._first, self._longest = first, longest
        self._held: dict[str, tuple[float, Taken]] = {}

    def __len__(self) -> int:
        return len(self._held)

    def put(self, group: Sequence[Taken], now: float) -> None:
        """Hold these until their next try; what is held already stays as it is."""
        for taken in group:
            if taken.envelope.id in self._held or len(self._held) >= MOST:
                continue
            since = now if taken.since is None else taken.since
            pause = min(max(now - since, self._first), self._longest)
            self._held[taken.envelope.id] = (now + pause, replace(taken, since=since))

    def due(self, now: float) -> list[Taken]:
        """What is to be tried now; it is held no longer."""
        found = [name for name, (at, _) in self._held.items() if at <= now]
        return [self._held.pop(name)[1] for name in found]
