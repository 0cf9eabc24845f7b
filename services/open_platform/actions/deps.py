"""What the actions are given to work with."""

from collections.abc import Callable
from dataclasses import dataclass

from shared.db import Database
from shared.http.principal import Tokens
from shared.sealing import Sealer


@dataclass(frozen=True)
class Deps:
    """The database, what keys are made and checked with, what seals secrets, and where webhooks may go."""

    database: Database
    tokens: Tokens
    pepper: bytes
    chance: Callable[[], str]  # the 30 characters of a new API key
    sealer: Sealer
    is_private_allowed: bool  # webhooks may go into private networks
