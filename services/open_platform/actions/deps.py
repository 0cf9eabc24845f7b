"""What the actions are given to work with, and the refusal that they share."""

from collections.abc import Callable
from dataclasses import dataclass

from shared.db import Database
from shared.errors import AppError
from shared.http.principal import Tokens


class PreconditionFailed(AppError):
    """Somebody changed the thing since the caller read it."""

    code = "precondition_failed"
    status = 412
    title = "Changed by somebody else"
    title_zh = "内容已被他人修改"


@dataclass(frozen=True)
class Deps:
    """The database, what keys are made and checked with, and chance."""

    database: Database
    tokens: Tokens
    pepper: bytes
    chance: Callable[[], str]  # the 30 characters of a new API key
