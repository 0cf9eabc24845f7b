"""Things that are kept by kind and id: cards, pictures, groups, and what else has no rule of its own."""

from dataclasses import asdict
from typing import Any, Final, TypeVar

from pydantic import TypeAdapter

from services.douyin_simulator.domain.kept import KEPT
from services.douyin_simulator.domain.things import Thing

Kind = TypeVar("Kind", bound=Thing)
_READ: Final[dict[str, TypeAdapter[Any]]] = {kind.__name__: TypeAdapter(kind) for kind in KEPT}


class Shelves:
    """One dictionary per kind of thing."""

    def __init__(self) -> None:
        """All shelves are empty."""
        self._by_kind: dict[type[Thing], Any] = {kind: {} for kind in KEPT}
        self._by_name = {kind.__name__: self._by_kind[kind] for kind in KEPT}

    def of(self, kind: type[Kind]) -> dict[str, Kind]:
        """All things of a kind by id, oldest first; to be read only."""
        shelf: dict[str, Kind] = self._by_kind[kind]
        return shelf

    def put(self, kind: str, value: object) -> None:
        """Keep a thing that a journal record describes."""
        thing: Thing = _READ[kind].validate_python(value)
        self._by_name[kind][thing.id] = thing

    def take(self, kind: str, number: str) -> None:
        """Remove a thing; it may be gone already."""
        self._by_name[kind].pop(number, None)


def kept(thing: Thing) -> dict[str, Any]:
    """The record that keeps a thing, in the place of an older one of its kind and id."""
    return {"t": "put", "kind": type(thing).__name__, "value": asdict(thing)}


def taken(kind: type[Thing], number: str) -> dict[str, Any]:
    """The record that removes the thing of this kind and id."""
    return {"t": "taken", "kind": kind.__name__, "id": number}
