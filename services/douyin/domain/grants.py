"""Grants: which fans let the account write first, and where they said so."""

from dataclasses import dataclass
from typing import Any, Final

from services.douyin.domain.webhooks.fields import number, person, storable

_GIVEN, _NOT_GIVEN = 1, 2
_MOST_TEXT: Final = 2000
_MOST_FACTS: Final = 50

Fields = dict[str, Any]  # Any: JSON, whose shape the platform changes


@dataclass(frozen=True, slots=True)
class Whence:
    """Where a fan granted it, as far as the platform says."""

    entered_from: str | None
    path: str | None  # of the mini-program's page
    query: str | None
    attribution: dict[str, str]  # of what brought the fan there; the names are the platform's
    extra: str | None


@dataclass(frozen=True, slots=True)
class Grant:
    """A fan lets the account write first. `app_id`: the mini-program in which that was said."""

    open_id: str
    app_id: str | None
    whence: Whence


def grants_in(fields: Fields) -> list[Grant]:
    """The grants of a page; a row that names nobody is none."""
    listed = fields.get("auth_user_list")
    rows = [row for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []
    return [
        Grant(open_id, _text(row.get("auth_user_source_app_id")), whence_in(row))
        for row in rows
        if (open_id := person(row.get("target_open_id")))
    ]


def is_given(fields: Fields) -> bool | None:
    """Whether an answer about one fan says yes; None: it says neither."""
    return {_GIVEN: True, _NOT_GIVEN: False}.get(number(fields.get("status")) or 0)


def whence_in(fields: Fields) -> Whence:
    """Where it was granted."""
    return Whence(
        _text(fields.get("enter_from")),
        _text(fields.get("path")),
        _text(fields.get("query")),
        _facts(fields.get("attribution")),
        _text(fields.get("data_im_extra", fields.get("data-im-extra"))),
    )


def _facts(value: object) -> dict[str, str]:
    facts = list(value.items())[:_MOST_FACTS] if isinstance(value, dict) else []
    texts = {storable(name): _text(str(fact)) for name, fact in facts if _is_plain(fact)}
    return {name: text for name, text in texts.items() if text}


def _is_plain(fact: object) -> bool:
    return isinstance(fact, str | int | float) and not isinstance(fact, bool)


def _text(value: object) -> str | None:
    if not isinstance(value, str) or not 0 < len(value) <= _MOST_TEXT:
        return None
    return storable(value)
