"""What the actions work with."""

from dataclasses import dataclass

from shared.db import Database


@dataclass(frozen=True)
class Deps:
    """The service's own database; quota asks nobody."""

    database: Database
