"""The public document holds what all services offer outwards, each name once."""

from typing import Any

import pytest

from services.embedded.openapi.documents import rendered
from services.embedded.openapi.merge import CollisionError, merge

Json = dict[str, Any]


def a_service(path: str, operation: str, schema: str, content: Json) -> Json:
    reference = {"$ref": f"#/components/schemas/{schema}"}
    answer = {"200": {"content": {"application/json": {"schema": reference}}}}
    return {
        "paths": {path: {"get": {"operationId": operation, "responses": answer}}},
        "components": {"schemas": {schema: content}},
    }


PROBLEM: Json = {"type": "object"}


def test_paths_and_components_come_together() -> None:
    merged = merge(
        [a_service("/v1/a", "a", "Problem", PROBLEM), a_service("/v1/b", "b", "Problem", PROBLEM)],
        {"title": "All", "version": "1"},
    )
    assert set(merged["paths"]) == {"/v1/a", "/v1/b"}
    assert merged["components"]["schemas"] == {"Problem": PROBLEM}
    assert merged["info"]["title"] == "All"


def test_what_services_ask_each_other_stays_inside() -> None:
    inside = a_service("/internal/tokens", "exchange", "Secret", {"type": "string"})
    merged = merge([a_service("/v1/a", "a", "Problem", PROBLEM), inside], {})
    assert set(merged["paths"]) == {"/v1/a"}
    assert set(merged["components"]["schemas"]) == {"Problem"}


@pytest.mark.parametrize(
    ("second", "complaint"),
    [
        (a_service("/v1/b", "b", "Problem", {"type": "string"}), "schemas Problem"),
        (a_service("/v1/b", "a", "Other", PROBLEM), "operationId a"),
        (a_service("/v1/a", "b", "Other", PROBLEM), "path /v1/a"),
    ],
)
def test_one_name_for_two_things_is_an_error(second: Json, complaint: str) -> None:
    with pytest.raises(CollisionError, match=complaint):
        merge([a_service("/v1/a", "a", "Problem", PROBLEM), second], {})


def test_the_text_does_not_depend_on_the_order_of_making() -> None:
    assert rendered({"b": 1, "a": {"d": "中", "c": 2}}) == rendered(
        {"a": {"c": 2, "d": "中"}, "b": 1}
    )
