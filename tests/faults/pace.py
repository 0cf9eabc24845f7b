"""Seconds as the processes under test have them: a machine that is small, or used by others, has fewer.

The kernel counts how long a process ran and how long it waited for a core. Bounds of a run are counted
on this clock, so that they say something of the house and not of the machine: who stands still though
there is a core for it is as late as ever.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

# Times as long as it runs, with its wait, a process may take before this clock is slow. Chosen, not
# measured: among ours on two quiet cores it is up to twice this at the worst.
_USUAL = 2.0
_MOST = 20.0  # times that this clock is slower than the wall's
_LOOK_SECONDS = 1.0
_NANO = 1e9


@dataclass(eq=False)
class Pace:
    """`pids` says whose it is. `slow`: times as slowly as on a quiet machine everything started."""

    pids: Callable[[], Iterable[int]]
    slow: float = 1.0
    factor: float = 1.0  # of the wall's seconds in one of ours, now
    worst: float = 1.0
    _seconds: float = 0.0
    _at: float = field(default_factory=time.monotonic)
    _known: dict[int, tuple[float, float]] = field(default_factory=dict)  # ran and waited

    def now(self) -> float:
        """Seconds since the beginning; between two looks they pass as in the one before."""
        return self._seconds + (time.monotonic() - self._at) / self.factor

    def deadline(self, within: float) -> "Deadline":
        """So many seconds from now."""
        return Deadline(self, self.now() + within)

    async def keep(self) -> None:
        """Look at the processes until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            self.look()

    def look(self) -> None:
        """How they got on since the last look."""
        seconds, at = self.now(), time.monotonic()
        before, self._known = self._known, {pid: _times(pid) for pid in self.pids()}
        ran, waited = (
            sum(now[part] - before[pid][part] for pid, now in self._known.items() if pid in before)
            for part in (0, 1)
        )
        stretch = (ran + waited) / ran / _USUAL if ran > 0 else 1.0
        self._seconds, self._at = seconds, at
        self.factor = min(max(self.slow, stretch), _MOST)
        self.worst = max(self.worst, self.factor)


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment of a pace."""

    pace: Pace
    at: float

    @property
    def is_over(self) -> bool:
        """Whether it is past."""
        return self.pace.now() > self.at


def _times(pid: int) -> tuple[float, float]:
    """Seconds for which a process ran, and for which it waited to; nothing where no kernel says so."""
    try:
        ran, waited, _ = Path(f"/proc/{pid}/schedstat").read_text("ascii").split()
    except (OSError, ValueError):
        return 0.0, 0.0
    return int(ran) / _NANO, int(waited) / _NANO
