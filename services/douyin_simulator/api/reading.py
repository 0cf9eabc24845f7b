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
    content_type = host = new_header = old_header = ""
    for key, value in scope["headers"]:
        if key == b"access-token":
            new_header = value.decode("latin-1")
        elif key == b"access_token":
            old_header = value.decode("latin-1")
        elif key == b"content-type":
            content_type = value.decode("latin-1")
        elif key == b"host":
            host = value.decode("latin-1")
    query = _query(scope["query_string"])
    return Call(
        path=scope["path"],
        open_id=query.get("open_id", ""),
        access_token=new_header or old_header or query.get("access_token", ""),
        fields=query | _fields(content_type, body),
        body=body,
        content_type=content_type,
        base_url=f"{scope['scheme']}://{host}",
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
