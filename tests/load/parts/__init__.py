"""What is measured, one module a goal. Each builds what it needs, checks what came out, and ends it."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Shape:
    """How long to measure. `peers`: the interpreter in which they are installed, if they are to run."""

    runs: int = 5
    short: bool = False
    peers: Path | None = None

    def of(self, full: int, short: int) -> int:
        """A count: what makes a figure steady, or what only shows that the part works."""
        return short if self.short else full


SHORT = Shape(runs=1, short=True)
