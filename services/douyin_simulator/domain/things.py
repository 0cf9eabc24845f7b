"""What every kind of kept thing has in common."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Thing:
    """Something that is kept by its id, unique among the things of its kind."""

    id: str
