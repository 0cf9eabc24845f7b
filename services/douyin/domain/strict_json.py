"""JSON as a signed webhook must be: one object, UTF-8, no duplicate keys, no NaN, not deeper than 64."""

import json
from typing import Any, Final, NoReturn

MOST_DEPTH: Final = 64


class NotStrict(ValueError):
    """The bytes are not the JSON that we accept."""


def _no_constant(name: str) -> NoReturn:
    raise NotStrict(f"{name} is not JSON")


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotStrict("an object has the same key twice")
    return found


# orjson is faster, but it keeps the last of two equal keys without a word
_DECODE = json.JSONDecoder(object_pairs_hook=_no_duplicates, parse_constant=_no_constant).decode


def parse_object(body: bytes) -> dict[str, Any]:
    """The object in `body`. Raises NotStrict."""
    try:
        parsed = parse_text(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise NotStrict("the body is not UTF-8") from error
    if not isinstance(parsed, dict):
        raise NotStrict("the body is not a JSON object")
    return parsed


def parse_text(text: str) -> object:
    """The value in `text`. Raises NotStrict."""
    try:
        parsed: object = _DECODE(text)
    except (ValueError, RecursionError) as error:
        raise NotStrict(str(error)) from error
    if text.count("{") + text.count("[") > MOST_DEPTH and _is_deeper(parsed):
        raise NotStrict(f"nested deeper than {MOST_DEPTH}")
    return parsed


def _is_deeper(parsed: object) -> bool:
    level = [parsed]
    for _ in range(MOST_DEPTH):
        below: list[object] = []
        for value in level:
            if isinstance(value, dict):
                below += value.values()
            elif isinstance(value, list):
                below += value
        level = [value for value in below if isinstance(value, dict | list)]
        if not level:
            return False
    return True
