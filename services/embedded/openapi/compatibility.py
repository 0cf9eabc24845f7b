"""Does a new OpenAPI or AsyncAPI document break who was built on the old one? Pure, dicts in.

Contracts grow: a new path, an optional field, a new enum value, a wider request are fine. What was
promised stays: whatever is listed here as a complaint breaks somebody.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from services.embedded.openapi.schemas import Comparison

Document = Mapping[str, Any]
Json = Mapping[str, Any]
Way = Literal["request", "response"]
VERBS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})


def breaking_changes(old: Document, new: Document) -> list[str]:
    """One sentence for each change that breaks; empty when the new document only grew."""
    compare = Comparison(old, new)
    if "asyncapi" in old:
        return list(_messages(old, new, compare))
    return [
        *_operations(old.get("paths", {}), new.get("paths", {}), compare, outbound=False),
        *_operations(old.get("webhooks", {}), new.get("webhooks", {}), compare, outbound=True),
    ]


def _messages(old: Document, new: Document, compare: Comparison) -> Iterator[str]:
    """A version of an event that was told is told on, with all its fields."""
    told, tells = _messages_of(old), _messages_of(new)
    for name, message in told.items():
        if name not in tells:
            yield f"event {name} was removed"
        else:
            was, now = message["payload"], tells[name]["payload"]
            yield from compare.schemas(f"event {name}", was, now, "response")


def _messages_of(document: Document) -> Json:
    messages: Json = document.get("components", {}).get("messages", {})
    return messages


def _operations(old: Json, new: Json, compare: Comparison, *, outbound: bool) -> Iterator[str]:
    for path, item in old.items():
        if path not in new:
            yield f"{path} was removed"
            continue
        for verb, was in item.items():
            if verb not in VERBS:
                continue
            place, now = f"{verb.upper()} {path}", new[path].get(verb)
            if now is None:
                yield f"{place} was removed"
                continue
            sent: Way = "response" if outbound else "request"
            yield from _parameters(
                place, _all_parameters(item, was), _all_parameters(new[path], now), compare
            )
            yield from _body(place, was.get("requestBody"), now.get("requestBody"), compare, sent)
            if not outbound:
                yield from _responses(place, was, now, compare)


def _all_parameters(item: Json, operation: Json) -> dict[tuple[str, str], Json]:
    listed = [*item.get("parameters", []), *operation.get("parameters", [])]
    return {(p["in"], p["name"]): p for p in listed}


def _parameters(
    place: str,
    old: Mapping[tuple[str, str], Json],
    new: Mapping[tuple[str, str], Json],
    compare: Comparison,
) -> Iterator[str]:
    for key, now in new.items():
        if now.get("required") and not old.get(key, {}).get("required"):
            yield f"{place}: {key[0]} parameter {key[1]} is now required"
    for key, was in old.items():
        name = f"{place}: {key[0]} parameter {key[1]}"
        if key not in new:
            yield f"{name} was removed"
        else:
            yield from compare.schemas(
                name, was.get("schema", {}), new[key].get("schema", {}), "request"
            )


def _body(
    place: str, old: Json | None, new: Json | None, compare: Comparison, way: Way
) -> Iterator[str]:
    was, now = old or {}, new or {}
    if way == "request" and now.get("required") and not was.get("required"):
        yield f"{place}: a request body is now required"
    yield from _contents(f"{place} request", was, now, compare, way)


def _responses(place: str, old: Json, new: Json, compare: Comparison) -> Iterator[str]:
    answers = new.get("responses", {})
    for status, was in old.get("responses", {}).items():
        if status in answers:
            name = f"{place} answer {status}"
            yield from _contents(name, was, answers[status], compare, "response")
        elif status.startswith("2"):
            yield f"{place}: answer {status} was removed"


def _contents(place: str, old: Json, new: Json, compare: Comparison, way: Way) -> Iterator[str]:
    content = new.get("content", {})
    for kind, was in old.get("content", {}).items():
        if kind not in content:
            yield f"{place}: {kind} was removed"
        else:
            now = content[kind]
            yield from compare.schemas(place, was.get("schema", {}), now.get("schema", {}), way)
