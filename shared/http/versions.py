"""Versions of what is read and changed: ETag, If-Match, If-None-Match."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import Depends, Header

from shared.errors import PreconditionFailed, PreconditionRequired

_TAG = re.compile(r'(?:W/)?"[^"]*"')
_ANY = frozenset({"*"})

_IfMatch = Annotated[
    str | None,
    Header(max_length=300, description="The ETag that the change is based on, or `*` for any"),
]
_IfNoneMatch = Annotated[
    str | None, Header(max_length=300, description="`*`: only if nothing is there yet")
]


def etag(version: int | str) -> str:
    """The strong entity tag of a version."""
    return f'"{version}"'


def tag_of(*facts: object) -> str:
    """The tag of something without a version of its own: it changes when the facts do."""
    return etag(_digest(facts))


def tag_of_parts(changed: object, rest: object) -> str:
    """The tag of something of which a caller changes a part: it begins with that part's own tag."""
    return etag(f"{_digest((changed,))}.{_digest((rest,))}")


def _digest(facts: tuple[object, ...]) -> str:
    return hashlib.blake2b(repr(facts).encode(), digest_size=12).hexdigest()


def is_known(asked: Mapping[str, str], tag: str | None) -> bool:
    """Whether the caller of a read says that it has this version already."""
    held = asked.get("if-none-match")
    if held is None or tag is None:
        return False
    # a proxy may have weakened the tag: for a read that is the same version
    return held.strip() == "*" or tag in {t.removeprefix("W/") for t in _TAG.findall(held)}


@dataclass(frozen=True, slots=True)
class Precondition:
    """Which version a caller means to change. None: it did not say."""

    tags: frozenset[str] | None = None
    is_new: bool = False  # nothing may be there
    is_needed: bool = False

    def check(self, current: str | None) -> None:
        """Compare with the tag of what is there (None: nothing is).

        Raises PreconditionFailed, PreconditionRequired.
        """
        if self.is_new and current is not None:
            raise PreconditionFailed("it exists already")
        if self.tags is None:
            if self.is_needed and not self.is_new and current is not None:
                raise PreconditionRequired("it exists: send If-Match with the ETag that you read")
        elif current is None or (self.tags != _ANY and current not in self.tags):
            raise PreconditionFailed("it was changed since you read it")

    def of_part(self) -> "Precondition":
        """The same about the part alone that a caller changes (`tag_of_parts`)."""
        if self.tags is None:
            return self
        return replace(self, tags=frozenset(re.sub(r'\.[^."]*"$', '"', tag) for tag in self.tags))


UNCONDITIONAL = Precondition()


def _tags(header: str) -> frozenset[str]:
    """The tags that a header lists; a weak one names no version."""
    return _ANY if header.strip() == "*" else frozenset(_TAG.findall(header))


def _required(if_match: _IfMatch = None) -> Precondition:
    if if_match is None:
        raise PreconditionRequired("send If-Match with the ETag that you read")
    return Precondition(_tags(if_match), is_needed=True)


def _put(if_match: _IfMatch = None, if_none_match: _IfNoneMatch = None) -> Precondition:
    tags = None if if_match is None else _tags(if_match)
    return Precondition(tags, is_new=(if_none_match or "").strip() == "*", is_needed=True)


RequiredVersion = Annotated[Precondition, Depends(_required)]  # changes what somebody may edit
VersionToPut = Annotated[Precondition, Depends(_put)]  # creates, or replaces what was read
