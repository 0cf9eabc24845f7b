"""What a caller of the platform sent: query, form or JSON, and where its token is."""

import re
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson

from services.douyin_simulator.actions.calling import Call
from services.douyin_simulator.api.http import Scope

_FORM: Final = "application/x-www-form-urlencoded"
_ONE_PLAIN_PAIR: Final = re.compile(rb"open_id=([^%&+]+)")


def read_call(scope: Scope, body: bytes) -> Call:
    """The call in a request; a body that cannot be read counts as empty."""
    headers = dict(scope["headers"])
    token = headers.get(b"access-token") or headers.get(b"access_token")
    content_type = headers.get(b"content-type", b"").decode("latin-1")
    query = _query(scope["query_string"])
    return Call(
        path=scope["path"],
        open_id=query.get("open_id", ""),
        access_token=token.decode("latin-1") if token else query.get("access_token", ""),
        fields=query | _fields(content_type, body),
        body=body,
        content_type=content_type,
        host=headers.get(b"host", b"").decode("latin-1"),
    )


def _query(query: bytes) -> dict[str, Any]:
    plain = _ONE_PLAIN_PAIR.fullmatch(query)
    if plain:
        return {"open_id": plain[1].decode("latin-1")}
    return dict(parse_qsl(query.decode("latin-1")))


def _fields(content_type: str, body: bytes) -> dict[str, Any]:
    if not body or content_type.startswith("multipart/"):
        return {}
    # `curl -d` calls JSON a form, too.
    if content_type.lower().startswith(_FORM) and not body.startswith(b"{"):
        return dict(parse_qsl(body.decode("utf-8", errors="replace")))
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return parsed if isinstance(parsed, dict) else {}
