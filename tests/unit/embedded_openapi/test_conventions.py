"""Every operation of the public API keeps the conventions, or stands here with the reason why not."""

from typing import Any

import pytest

from services.embedded.openapi.documents import every_document

# Whatever was there before, it holds: a command or an observation, by which no version is lost.
WITHOUT_VERSION = {
    "note_follow_state": "what somebody saw just now",
    "put_douyin_business_token": "the platform issues the token; nobody wrote the one before",
    "revoke_api_key": "a leaked key must end at once",
    "set_conversation_owner": "whose turn it is",
}
# Asked twice, it happens once anyway.
WITHOUT_KEY = {
    "check_follow": "Douyin is asked anew, and what it says is kept once",
    "create_lead_card": "Douyin makes it and takes no key: look at the list before asking again",
    "create_douyin_authorisation_link": "a link that nobody follows does nothing",
    "recall_message": "a message is recalled or it is not",
    "redrive_dead_letters": "what was handled is not handled twice",
    "upload_image": "the same image is uploaded once",
}


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
    if verb == "get":
        assert "if-none-match" in takes(operation)
        assert "ETag" in answers["200"]["headers"]
        assert "304" in answers
    if "cursor" in takes(operation):
        assert "Link" in answers["200"]["headers"]
    if verb in {"put", "patch", "delete"}:
        assert ("if-match" in takes(operation)) is (name not in WITHOUT_VERSION), name
        assert {"412", "428"} <= set(answers) or name in WITHOUT_VERSION, name
    if verb == "post":
        assert ("idempotency-key" in takes(operation)) is (name not in WITHOUT_KEY), name
    for status, answer in answers.items():
        assert {"Request-Id", "RateLimit", "RateLimit-Policy"} <= set(answer["headers"])
        if status[0] in "45":
            # a page beside it is for people whose browser asks for one
            assert set(answer["content"]) - {"text/html"} == {"application/problem+json"}


def test_no_exception_outlives_its_operation() -> None:
    assert set(WITHOUT_VERSION) | set(WITHOUT_KEY) <= set(OPERATIONS)
