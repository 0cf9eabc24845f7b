"""What was done to the house, counted when it was seen to happen."""

import time
from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Deeds:
    """How often each fault happened, and when the last one did."""

    done: Counter[str] = field(default_factory=Counter)
    last: float = 0.0

    def note(self, what: str, times: int = 1) -> None:
        """It happened, now."""
        self.done[what] += times
        self.last = time.monotonic()
