"""What every answer carries, written into the OpenAPI document once, for every operation."""

from typing import Any

from fastapi import FastAPI

_TEXT = {"type": "string"}
_HEADERS: dict[str, Any] = {
    "Request-Id": {"description": "Names this request, in logs and problems too.", "schema": _TEXT},
    "RateLimit-Policy": {
        "description": "The limits that this request counts in. Informs; a draft, not a standard.",
        "schema": _TEXT,
    },
    "RateLimit": {"description": "What is left of them, and until when.", "schema": _TEXT},
}
_OF_A_READ = {"ETag": {"description": "The version of what was read.", "schema": _TEXT}}
_OF_A_PAGE = {
    "Link": {"description": 'The next page, `rel="next"`; absent on the last.', "schema": _TEXT}
}
_IF_NONE_MATCH = {
    "name": "if-none-match",
    "in": "header",
    "required": False,
    "description": "An ETag that you have: the answer is 304 if nothing changed since.",
    "schema": {"anyOf": [{"type": "string", "maxLength": 300}, {"type": "null"}]},
}


class DescribedApp(FastAPI):
    """A FastAPI app whose document also tells what stands around every operation."""

    def openapi(self) -> dict[str, Any]:
        """The document, made once."""
        if self.openapi_schema is None:
            document = super().openapi()
            every = _HEADERS | _OF_A_READ | _OF_A_PAGE
            document.setdefault("components", {})["headers"] = every
            for item in document.get("paths", {}).values():
                for verb, operation in item.items():
                    _complete(verb, operation)
        return super().openapi()


def _complete(verb: str, operation: dict[str, Any]) -> None:
    answers = operation["responses"]
    names = {p["name"] for p in operation.get("parameters", [])}
    is_stream = "text/event-stream" in answers.get("200", {}).get("content", {})
    if verb == "get" and "200" in answers and not is_stream:
        operation.setdefault("parameters", []).append(_IF_NONE_MATCH)
        answers["304"] = {"description": "You have this version."}
    for status, answer in answers.items():
        if "application/problem+json" in answer.get("content", {}):
            answer["content"].pop("application/json", None)  # FastAPI adds it; nobody sends it
        headers = set(_HEADERS)
        if verb == "get" and status in {"200", "304"} and not is_stream:
            headers |= set(_OF_A_READ) | (set(_OF_A_PAGE) if "cursor" in names else set())
        answer["headers"] = {n: {"$ref": f"#/components/headers/{n}"} for n in sorted(headers)}
