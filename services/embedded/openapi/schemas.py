"""Compares JSON schemas of two documents in the direction in which the data flows.

In a request the new schema must accept all that the old one accepted; in a response it must give
no less, and nothing of another kind, than the old one gave.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

Json = Mapping[str, Any]
Way = Literal["request", "response"]
UNIONS = ("anyOf", "oneOf")
LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
SAME = ("pattern", "format", "multipleOf")


class Comparison:
    """Two documents, and the pairs of schemas already under comparison (schemas may be recursive)."""

    def __init__(self, old: Json, new: Json) -> None:
        self._old, self._new = old, new
        self._seen: set[tuple[str, str, Way]] = set()

    def schemas(self, place: str, old: Json, new: Json, way: Way) -> Iterator[str]:
        """What breaks at `place` when the schema `old` becomes `new`."""
        pair = (str(old.get("$ref", "")), str(new.get("$ref", "")), way)
        if all(pair):
            if pair in self._seen:
                return
            self._seen.add(pair)
        was, now = _variants(_resolved(self._old, old)), _variants(_resolved(self._new, new))
        if len(was) == len(now) == 1:
            yield from self._single(place, was[0], now[0], way)
        else:
            yield from self._unions(place, was, now, way)

    def _unions(self, place: str, was: list[Json], now: list[Json], way: Way) -> Iterator[str]:
        """Every old variant has a new one that fits; a response gets no variant of a new kind."""
        used = set()
        for variant in was:
            found = self._fitting(variant, now, way)
            if isinstance(found, int):
                used.add(found)
            else:
                yield from (f"{place}: {c}" for c in found)
        if way == "response":
            for number, variant in enumerate(now):
                if number not in used:
                    yield f"{place} may now also be {self._name(self._new, variant)}"

    def _fitting(self, variant: Json, now: list[Json], way: Way) -> int | list[str]:
        """The place of a variant that fits, or why the nearest does not."""
        name = self._name(self._old, variant)
        reasons = [f"{name} was removed"]
        # its namesake first: a number would fit an integer too, and leave the number unexplained
        by_likeness = sorted(enumerate(now), key=lambda c: self._name(self._new, c[1]) != name)
        for number, candidate in by_likeness:
            trial = Comparison(self._old, self._new)
            trial._seen = set(self._seen)
            complaints = list(trial.schemas("", variant, candidate, way))
            if not complaints:
                return number
            if name == self._name(self._new, candidate):
                reasons = [c.lstrip(". :") for c in complaints]
        return reasons

    def _name(self, document: Json, schema: Json) -> str:
        if "$ref" in schema:
            return str(schema["$ref"]).rpartition("/")[2]
        found = _resolved(document, schema)
        return str(found.get("title") or found.get("type") or "anything")

    def _single(self, place: str, old: Json, new: Json, way: Way) -> Iterator[str]:
        was, now = _resolved(self._old, old), _resolved(self._new, new)
        yield from _types(place, was, now, way)
        yield from _values(place, was, now, way)
        if way == "request":
            yield from _bounds(place, was, now)
        yield from self._properties(place, was, now, way)
        for inner, sign in (("items", "[]"), ("additionalProperties", ".*")):
            yield from self._inner(f"{place}{sign}", was.get(inner), now.get(inner), way)

    def _inner(self, place: str, old: object, new: object, way: Way) -> Iterator[str]:
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from self.schemas(place, old, new, way)
        elif way == "request" and new is False and old is not False:
            yield f"{place}: fields that are not listed are now refused"

    def _properties(self, place: str, old: Json, new: Json, way: Way) -> Iterator[str]:
        was, now = old.get("properties", {}), new.get("properties", {})
        needed, needs = set(old.get("required", ())), set(new.get("required", ()))
        if way == "request":
            yield from (f"{place}.{name} is now required" for name in sorted(needs - needed))
        else:
            gone = sorted((needed - needs) & set(now))
            yield from (f"{place}.{name} may now be absent" for name in gone)
        for name, schema in was.items():
            if name in now:
                yield from self.schemas(f"{place}.{name}", schema, now[name], way)
            else:
                yield f"{place}.{name} was removed"


def _resolved(document: Json, schema: Json) -> Json:
    """The schema behind a `$ref`, with what stands beside it and in `allOf` put together."""
    found = dict(schema)
    while reference := found.pop("$ref", None):
        target: Any = document
        for part in str(reference).removeprefix("#/").split("/"):
            target = target.get(part.replace("~1", "/").replace("~0", "~"), {})
        found = {**target, **found}
    for part in found.pop("allOf", ()):
        other = _resolved(document, part)
        both = {**other.get("properties", {}), **found.get("properties", {})}
        required = [*other.get("required", ()), *found.get("required", ())]
        found = {**other, **found}
        found |= {k: v for k, v in (("properties", both), ("required", required)) if v}
    return found


def _variants(schema: Json) -> list[Json]:
    """The members of a union; one for what is none. Several types are several variants."""
    for union in UNIONS:
        if union in schema:
            return [v for member in schema[union] for v in _variants(member)]
    if isinstance(schema.get("type"), list):
        return [{**schema, "type": one} for one in schema["type"]]
    return [schema]


def _types(place: str, old: Json, new: Json, way: Way) -> Iterator[str]:
    was, now = old.get("type"), new.get("type")
    if was == now:
        return
    widened = now is None or (was == "integer" and now == "number")
    narrowed = was is None or (was == "number" and now == "integer")
    if (way == "request" and widened) or (way == "response" and narrowed):
        return
    yield f"{place} changed its type from {was or 'anything'} to {now or 'anything'}"


def _values(place: str, old: Json, new: Json, way: Way) -> Iterator[str]:
    """Enum values: none may go, and a request that took anything must not take a list only."""
    was, now = _enum(old), _enum(new)
    if was is None and now is not None and way == "request":
        yield f"{place} now takes only {', '.join(now)}"
    elif was is not None and now is not None:
        yield from (f"{place} lost the value {value}" for value in was if value not in now)


def _enum(schema: Json) -> list[str] | None:
    if "const" in schema:
        return [str(schema["const"])]
    return [str(value) for value in schema["enum"]] if "enum" in schema else None


def _bounds(place: str, old: Json, new: Json) -> Iterator[str]:
    tighter: tuple[tuple[tuple[str, ...], Callable[[Any, Any], bool]], ...] = (
        (LOWER, lambda was, now: was is None or now > was),
        (UPPER, lambda was, now: was is None or now < was),
        (SAME, lambda was, now: bool(was != now)),
    )
    for names, is_tighter in tighter:
        for name in names:
            if name in new and is_tighter(old.get(name), new[name]):
                yield f"{place} has a tighter {name}: {new[name]}"
