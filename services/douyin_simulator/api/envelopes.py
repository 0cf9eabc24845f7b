"""The shapes in which the platform wraps its answers: E1, E1-flat, E2 and E3."""

from typing import Any

import orjson

from services.douyin_simulator.domain.codes import describe
from services.douyin_simulator.domain.identifiers import log_id

Payload = dict[str, Any]  # Any: each endpoint has its own fields


def extra(code: int, now_ms: int, number: int) -> Payload:
    """The `extra` object of E1, complete."""
    return {
        "error_code": code,
        "description": describe(code),
        "sub_error_code": 0,
        "sub_description": "",
        "logid": log_id(now_ms, number),
        "now": now_ms,
    }


def e1(code: int, now_ms: int, number: int, payload: Payload | None = None) -> bytes:
    """Classic: the payload lies in `data`."""
    data = {"error_code": code, "description": describe(code), **(payload or {})}
    return orjson.dumps({"data": data, "extra": extra(code, now_ms, number)})


def e1_text_code(code: int, now_ms: int, number: int) -> bytes:
    """E1 as some samples show it: the code as a string."""
    head = extra(code, now_ms, number) | {"error_code": str(code)}
    data = {"error_code": str(code), "description": describe(code)}
    return orjson.dumps({"data": data, "extra": head})


def e1_flat(now_ms: int, number: int, payload: Payload) -> bytes:
    """A success with its payload beside `data` and `extra`."""
    data = {"error_code": 0, "description": ""}
    return orjson.dumps({"extra": extra(0, now_ms, number), "data": data, **payload})


def e2(code: int, now_ms: int, number: int, payload: Payload | None = None) -> bytes:
    """New: `err_no`, and `data` only when there is something to say."""
    body: Payload = {"err_no": code, "err_msg": describe(code), "log_id": log_id(now_ms, number)}
    if payload is not None:
        body["data"] = payload
    return orjson.dumps(body)


def e3(code: int, now_ms: int, number: int, payload: Payload | None = None) -> bytes:
    """OAuth: `data` and a message of success or error."""
    data: Payload = {"error_code": code, "description": describe(code)}
    if code == 0:
        data |= {**(payload or {}), "log_id": log_id(now_ms, number)}
    return orjson.dumps({"data": data, "message": "error" if code else "success"})
