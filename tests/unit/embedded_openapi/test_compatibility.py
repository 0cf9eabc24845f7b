"""Growing breaks nobody; taking away or narrowing does, and the sentence says what and where."""

from copy import deepcopy
from typing import Any

import pytest

from services.embedded.openapi.compatibility import breaking_changes

Json = dict[str, Any]


def a_document(**schemas: Json) -> Json:
    """One operation that takes an Ask and answers with an Answer."""

    def body(name: str) -> Json:
        return {
            "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
        }

    operation = {
        "operationId": "ask",
        "parameters": [{"in": "query", "name": "limit", "schema": {"type": "integer"}}],
        "requestBody": {**body("Ask"), "required": True},
        "responses": {"200": body("Answer"), "422": body("Answer")},
    }
    return {
        "openapi": "3.1.0",
        "paths": {"/v1/ask": {"post": operation}},
        "components": {"schemas": {"Ask": ASK, "Answer": ANSWER, **schemas}},
    }


ASK: Json = {
    "type": "object",
    "required": ["text"],
    "properties": {
        "text": {"type": "string", "maxLength": 300},
        "kind": {"type": "string", "enum": ["exact", "contains"]},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    },
}
ANSWER: Json = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "string"},
        "state": {"type": "string", "enum": ["sent", "unknown"]},
        "children": {"type": "array", "items": {"$ref": "#/components/schemas/Answer"}},
    },
}


def changed(schema: Json, **properties: Json | None) -> Json:
    """The schema with properties replaced, added, or (None) removed."""
    new = deepcopy(schema)
    for name, value in properties.items():
        new["properties"].pop(name, None)
        if value is not None:
            new["properties"][name] = value
    return new


@pytest.mark.parametrize(
    "new",
    [
        a_document(),
        a_document(Ask=changed(ASK, more={"type": "string"})),
        a_document(Ask=changed(ASK, text={"type": "string", "maxLength": 500})),
        a_document(Ask=changed(ASK, text={"type": ["string", "null"]})),
        a_document(Ask=changed(ASK, kind={"enum": ["exact", "contains", "re2"], "type": "string"})),
        a_document(Answer=changed(ANSWER, more={"type": "string"})),
        a_document(Answer={**ANSWER, "required": ["id", "state"]}),
        {**a_document(), "paths": a_document()["paths"] | {"/v1/more": {"get": {}}}},
    ],
)
def test_growing_breaks_nobody(new: Json) -> None:
    assert breaking_changes(a_document(), new) == []


def test_a_document_does_not_break_itself_where_a_number_could_be_an_integer() -> None:
    value = {"anyOf": [{"type": "integer"}, {"type": "number"}, {"type": "string"}]}
    document = a_document(Answer=changed(ANSWER, value=value))

    assert breaking_changes(document, deepcopy(document)) == []


@pytest.mark.parametrize(
    ("new", "complaint"),
    [
        (changed(ASK, note=None), "POST /v1/ask request.note was removed"),
        (ASK | {"required": ["text", "kind"]}, "POST /v1/ask request.kind is now required"),
        (
            changed(ASK, text={"type": "string", "maxLength": 100}),
            "POST /v1/ask request.text has a tighter maxLength: 100",
        ),
        (
            changed(ASK, text={"type": "integer", "maxLength": 300}),
            "POST /v1/ask request.text changed its type from string to integer",
        ),
        (
            changed(ASK, kind={"type": "string", "enum": ["exact"]}),
            "POST /v1/ask request.kind lost the value contains",
        ),
        (changed(ASK, note={"type": "string"}), "POST /v1/ask request.note: null was removed"),
        (
            ASK | {"additionalProperties": False},
            "POST /v1/ask request.*: fields that are not listed are now refused",
        ),
    ],
)
def test_a_request_that_was_good_stays_good(new: Json, complaint: str) -> None:
    assert breaking_changes(a_document(), a_document(Ask=new)) == [complaint]


@pytest.mark.parametrize(
    ("new", "complaint"),
    [
        (changed(ANSWER, state=None), "POST /v1/ask answer 200.state was removed"),
        (ANSWER | {"required": []}, "POST /v1/ask answer 200.id may now be absent"),
        (
            changed(ANSWER, id={"type": ["string", "null"]}),
            "POST /v1/ask answer 200.id may now also be null",
        ),
        (
            changed(ANSWER, state={"type": "string", "enum": ["sent"]}),
            "POST /v1/ask answer 200.state lost the value unknown",
        ),
        (
            changed(ANSWER, children={"type": "array", "items": {"type": "string"}}),
            "POST /v1/ask answer 200.children[] changed its type from object to string",
        ),
    ],
)
def test_an_answer_gives_what_it_gave(new: Json, complaint: str) -> None:
    assert complaint in breaking_changes(a_document(), a_document(Answer=new))


def test_operations_and_their_parameters_stay() -> None:
    old, new = a_document(), a_document()
    operation = new["paths"]["/v1/ask"]["post"]
    operation["parameters"] = [{"in": "header", "name": "Idempotency-Key", "required": True}]
    del operation["responses"]["200"]

    assert breaking_changes(old, new) == [
        "POST /v1/ask: header parameter Idempotency-Key is now required",
        "POST /v1/ask: query parameter limit was removed",
        "POST /v1/ask: answer 200 was removed",
    ]
    assert breaking_changes(old, {"paths": {"/v1/ask": {}}}) == ["POST /v1/ask was removed"]
    assert breaking_changes(old, {"paths": {}}) == ["/v1/ask was removed"]


def test_an_event_keeps_its_fields() -> None:
    def told(*fields: str) -> Json:
        payload = {"type": "object", "properties": {name: {"type": "string"} for name in fields}}
        return {"asyncapi": "3.1.0", "components": {"messages": {"a.b.v1": {"payload": payload}}}}

    assert breaking_changes(told("x"), told("x", "y")) == []
    assert breaking_changes(told("x", "y"), told("x")) == ["event a.b.v1.y was removed"]
    assert breaking_changes(told("x"), {"asyncapi": "3.1.0"}) == ["event a.b.v1 was removed"]
