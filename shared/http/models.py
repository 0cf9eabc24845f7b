"""Base models of requests and responses."""

import re
from typing import Annotated

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

from shared.times import Timed


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("must not contain NUL")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("must not contain lone surrogates") from None
    return text


Text = Annotated[str, AfterValidator(_storable)]
ShortText = Annotated[
    str, StringConstraints(min_length=1, max_length=200), AfterValidator(_storable)
]


def _is_rfc3339(given: object) -> object:
    if not isinstance(given, str) or not _RFC3339.fullmatch(given):
        raise ValueError("must be a time as in RFC 3339, with its offset: 2026-01-31T09:00:00Z")
    return given


_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")
TAG = "kind:"  # begins the tags of unions; a pointer to an input does not name them
FROM_TEXT = Field(strict=False)  # for what JSON can only write as a string: an enum
AskedTime = Annotated[AwareDatetime, FROM_TEXT, BeforeValidator(_is_rfc3339)]


Id = Text  # in an address: one that nobody has, however it looks, is not found


def by_kind(given: object) -> str | None:
    """The tag of a union that is told apart by `kind`; without one it is a text."""
    kind = given.get("kind", "text") if isinstance(given, dict) else getattr(given, "kind", None)
    return TAG + kind if isinstance(kind, str) else None


class RequestModel(BaseModel):
    """What a client sends: unknown fields are refused, and "1" is no 1, and 1 is no true."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ResponseModel(Timed):
    """What a client gets: no defaults, so that every field is always there; each `datetime` in one form."""

    model_config = ConfigDict(frozen=True)
