"""The shapes in which the platform wraps its answers, and the odd forms that each of them may take."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple

import orjson

from services.douyin_simulator.domain.codes import describe
from services.douyin_simulator.domain.identifiers import log_id

Payload = dict[str, Any]  # Any: each endpoint has its own fields


class Shape(StrEnum):
    """The platform's envelopes; the flat ones carry their payload beside `data`."""

    E1 = "e1"
    E1_FLAT = "e1_flat"
    E2 = "e2"
    E2_FLAT = "e2_flat"
    E3 = "e3"
    E4 = "e4"


@dataclass(frozen=True, slots=True)
class Oddities:
    """How the answers of E1 differ from the documented sample.

    `refusal` is the form of a refusal (e1, e2, or text_code: the code as a string), `now_unit` ms or
    s, and `sparse` leaves out what error samples leave out of `extra`.
    """

    refusal: str = "e1"
    now_unit: str = "ms"
    sparse: bool = False


PLAIN: Final = Oddities()


class Reply(NamedTuple):
    """What the platform has decided, before it is wrapped."""

    shape: Shape
    code: int
    now_ms: int
    number: int
    payload: Any = None  # Any: an object; for business scopes a list


def wrap(reply: Reply, oddities: Oddities = PLAIN) -> bytes:
    """The body of an answer."""
    if reply.shape in (Shape.E1, Shape.E1_FLAT):
        if reply.code and oddities.refusal == "e2":
            return orjson.dumps(_e2(reply))
        return orjson.dumps(_e1(reply, oddities))
    if reply.shape in (Shape.E2, Shape.E2_FLAT):
        return orjson.dumps(_e2(reply))
    return orjson.dumps(_e3(reply) if reply.shape is Shape.E3 else _e4(reply))


def _e1(reply: Reply, oddities: Oddities) -> Payload:
    said, code = describe(reply.code), _code(reply, oddities)
    extra: Payload = {
        "error_code": code,
        "description": said,
        "sub_error_code": 0,
        "sub_description": "",
        "logid": log_id(reply.now_ms, reply.number),
        "now": reply.now_ms if oddities.now_unit == "ms" else reply.now_ms // 1000,
    }
    if oddities.sparse:
        for name in ("description", "sub_error_code", "sub_description"):
            del extra[name]
    data: Payload = {"error_code": code, "description": said}
    if reply.code or reply.payload is None:
        return {"data": data, "extra": extra}
    if reply.shape is Shape.E1:
        return {"data": data | reply.payload, "extra": extra}
    return {"extra": extra, "data": data, **reply.payload}


def _code(reply: Reply, oddities: Oddities) -> int | str:
    textual = reply.code and oddities.refusal == "text_code"
    return str(reply.code) if textual else reply.code


def _e2(reply: Reply) -> Payload:
    body: Payload = {
        "err_no": reply.code,
        "err_msg": describe(reply.code),
        "log_id": log_id(reply.now_ms, reply.number),
    }
    if reply.code or reply.payload is None:
        return body
    return body | (reply.payload if reply.shape is Shape.E2_FLAT else {"data": reply.payload})


def _e3(reply: Reply) -> Payload:
    data: Payload = {"error_code": reply.code, "description": describe(reply.code)}
    if reply.code == 0:
        data |= {**(reply.payload or {}), "log_id": log_id(reply.now_ms, reply.number)}
    return {"data": data, "message": "error" if reply.code else "success"}


def _e4(reply: Reply) -> Payload:
    data = {} if reply.code else reply.payload
    message = describe(reply.code) if reply.code else "success"
    return {"data": data, "error_code": reply.code, "message": message}
