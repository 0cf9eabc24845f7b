"""What `make bench-scale` measures: more workers, more conversations, a backlog, a long history."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """How far to go. `short` only shows that it works."""

    runs: int = 3
    messages: int = 5_000  # of one run
    backlog: int = 1_000_000  # events that wait when the workers start
    stored: int = 10_000_000  # messages, in and out, that lie there from before
    conversations: tuple[int, ...] = (10, 1_000, 100_000)
    workers: tuple[int, ...] = (1, 2, 4)


SHORT = Scale(
    runs=1, messages=200, backlog=1_000, stored=2_000, conversations=(10, 100), workers=(1, 2)
)
RULES = 1_000
NAMES = ("workers", "conversations", "backlog", "history")  # of the parts, as they are shown
