"""What the actions are given to work with."""

from collections.abc import Callable
from dataclasses import dataclass

from shared.db import Database
from shared.http.principal import Tokens


@dataclass(frozen=True)
class Deps:
    """The database, what keys are made and checked with, and chance."""

    database: Database
    tokens: Tokens
    pepper: bytes
    chance: Callable[[], str]  # the 30 characters of a new API key
