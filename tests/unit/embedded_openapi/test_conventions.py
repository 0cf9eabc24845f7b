"""Every operation of the public API keeps the conventions."""

from typing import Any

import pytest

from services.embedded.openapi.documents import every_document


def operations() -> dict[str, tuple[str, dict[str, Any]]]:
    document = every_document()["siyu"]
    every = ((verb, o) for item in document["paths"].values() for verb, o in item.items())
    return {operation["operationId"]: (verb, operation) for verb, operation in every}


OPERATIONS = operations()


def takes(operation: dict[str, Any]) -> set[str]:
    return {p["name"].lower() for p in operation.get("parameters", [])}


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_an_operation_keeps_the_conventions(name: str) -> None:
    verb, operation = OPERATIONS[name]
    answers = operation["responses"]
    # a stream has no version: it is read as it grows
    if verb == "get" and "text/event-stream" not in answers["200"]["content"]:
        assert "if-none-match" in takes(operation)
        assert "ETag" in answers["200"]["headers"]
        assert "304" in answers
    if "cursor" in takes(operation):
        assert "Link" in answers["200"]["headers"]
    if verb in {"put", "patch", "delete"}:
        assert "if-match" in takes(operation)
        assert {"412", "428"} <= set(answers)
    if verb == "post":
        assert "idempotency-key" in takes(operation), "nothing is created or done twice"
        assert {"409", "422"} <= set(answers)
    for status, answer in answers.items():
        assert {"Request-Id", "RateLimit", "RateLimit-Policy"} <= set(answer["headers"])
        if status[0] in "45":
            # a page beside it is for people whose browser asks for one
            assert set(answer["content"]) - {"text/html"} == {"application/problem+json"}
