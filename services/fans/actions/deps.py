"""What the actions are given to work with."""

from dataclasses import dataclass

from shared.db import Database
from shared.sealing import Sealer


@dataclass(frozen=True)
class Deps:
    """The service's own database, the seal of personal fields, and the key that tells numbers apart."""

    database: Database
    sealer: Sealer
    phone_key: bytes
