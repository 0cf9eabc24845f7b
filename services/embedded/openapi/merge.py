"""Many OpenAPI documents become one. Pure: dicts in, dict out."""

from collections.abc import Iterable, Mapping
from typing import Any

Document = Mapping[str, Any]
INTERNAL = "/internal/"  # paths that services ask each other; they are in no public document


class CollisionError(ValueError):
    """Two services give the same name to different things."""


def merge(documents: Iterable[Document], info: Mapping[str, Any]) -> dict[str, Any]:
    """One document with the public paths of all, and the components that these need.

    Raises CollisionError when two documents claim a path, an operation id, or one component name
    with different content.
    """
    paths: dict[str, Any] = {}
    webhooks: dict[str, Any] = {}
    components: dict[str, dict[str, Any]] = {}
    for document in documents:
        public = {p: v for p, v in document.get("paths", {}).items() if not p.startswith(INTERNAL)}
        _add(paths, public, "path")
        _add(webhooks, document.get("webhooks", {}), "webhook")
        for kind, named in document.get("components", {}).items():
            _add(components.setdefault(kind, {}), named, kind, may_be_equal=True)
    _unique_operations(paths)
    merged: dict[str, Any] = {"openapi": "3.1.0", "info": dict(info), "paths": paths}
    if webhooks:
        merged["webhooks"] = webhooks
    if kept := _needed(components, merged):
        merged["components"] = kept
    return merged


def _add(
    into: dict[str, Any], new: Mapping[str, Any], kind: str, *, may_be_equal: bool = False
) -> None:
    for name, value in new.items():
        if name in into and not (may_be_equal and into[name] == value):
            raise CollisionError(f"{kind} {name} is claimed twice")
        into[name] = value


def _unique_operations(paths: Mapping[str, Any]) -> None:
    seen: dict[str, str] = {}
    for path, item in paths.items():
        for verb, operation in item.items():
            name = operation.get("operationId") if isinstance(operation, dict) else None
            if name in seen:
                raise CollisionError(f"operationId {name}: {seen[name]} and {verb} {path}")
            if name:
                seen[name] = f"{verb} {path}"


def _needed(components: dict[str, dict[str, Any]], document: Document) -> dict[str, Any]:
    """The schemas that the document reaches; other kinds of component (security) are all kept."""
    schemas = components.get("schemas", {})
    reached: set[str] = set()
    waiting = list(_references(document))
    while waiting:
        name = waiting.pop()
        if name in schemas and name not in reached:
            reached.add(name)
            waiting += _references(schemas[name])
    kept = {kind: named for kind, named in components.items() if kind != "schemas" and named}
    if reached:
        kept["schemas"] = {name: schemas[name] for name in reached}
    return kept


def _references(node: object) -> Iterable[str]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key == "$ref" and isinstance(value, str):
                yield value.rpartition("/")[2]
            else:
                yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)
