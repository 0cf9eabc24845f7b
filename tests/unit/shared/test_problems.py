"""Every refusal of every API is problem+json, whoever refuses and however early."""

from collections.abc import AsyncIterator
from enum import StrEnum
from typing import Annotated, Any

import httpx2
import pytest
from fastapi import Query
from pydantic import Field
from structlog.testing import capture_logs

from shared.errors import AppError, Conflict, NeighbourAway, NotFound
from shared.http.middleware import MOST_BYTES, Doorkeeper
from shared.http.models import FROM_TEXT, AskedTime, RequestModel, ShortText, Text
from shared.http.pages import AskedPage, Cursors
from shared.http.principal import Principal, caller_with
from shared.http.routing import MOST_DEPTH, Router
from shared.runtime import new_api
from tests.support.world import resources_for

RESOURCES = resources_for("postgresql+asyncpg://u:p@127.0.0.1:1/x", "redis://127.0.0.1:1")
Reader = Annotated[Principal, caller_with("dm:read")]
CURSORS = Cursors(b"k" * 32)
ERRORS: dict[str, Exception] = {
    "missing": NotFound("no such thing"),
    "taken": Conflict("it is taken", pointer="#/name", holder="acc_1"),
    "away": NeighbourAway("PostgreSQL is away"),
    "masked": NeighbourAway("odd", status=418, code="x", title="y", neighbour="quota"),
    "crash": ZeroDivisionError("canary-secret"),
}
router = Router()


class Colour(StrEnum):
    RED = "red"


class PartIn(RequestModel):
    count: int


class ThingIn(RequestModel):
    name: ShortText
    note: Text = ""
    size: int = 1
    weight: float = 1.0
    sold: bool = False
    colour: Annotated[Colour, FROM_TEXT] = Colour.RED
    at: AskedTime | None = None
    parts: list[PartIn] = Field(default_factory=list)
    labels: dict[str, str] = Field(default_factory=dict)


@router.post("/v1/things", status_code=201)
async def make_thing(body: ThingIn) -> dict[str, str]:
    return {"name": body.name}


@router.get("/v1/things")
async def list_things(
    caller: Reader, page: AskedPage, name: Annotated[str | None, Query(max_length=20)] = None
) -> dict[str, Any]:
    more = None
    if page.cursor:
        CURSORS.read(page.cursor, "things", caller.organization_id)
    else:
        more = CURSORS.write([1], "things", caller.organization_id)
    return {"limit": page.limit, "name": name, "next_cursor": page.then(more)}


@router.get("/v1/things/{kind}")
async def get_thing(kind: str) -> dict[str, str]:
    if kind in ERRORS:
        raise ERRORS[kind]
    return {"kind": kind}


@router.get("/v1/database")
async def ask_database() -> None:
    async with RESOURCES.database("quota").transaction("*"):
        pass


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    app = new_api(RESOURCES, "test", "things")
    app.include_router(router)
    transport = httpx2.ASGITransport(app=Doorkeeper(app, "test"), raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://siyu") as client:
        yield client


def caller(*scopes: str) -> dict[str, str]:
    token = RESOURCES.tokens.issue(Principal("org_1", "key_1", frozenset(scopes)))
    return {"Authorization": f"Bearer {token}"}


def problem(answer: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    """The problem that the answer must be."""
    assert (answer.status_code, answer.headers["content-type"]) == (
        status,
        "application/problem+json",
    ), answer.text
    found: dict[str, Any] = answer.json()
    assert (found["status"], found["code"], found["type"]) == (status, code, f"/problems/{code}")
    assert found["request_id"] == answer.headers["request-id"]
    assert found["instance"] == answer.request.url.path
    assert answer.headers["content-language"] == "en"
    assert isinstance(found["retryable"], bool)
    assert found["title"]
    assert found["detail"]
    return found


async def test_401_without_a_credential(http: httpx2.AsyncClient) -> None:
    answer = await http.get("/v1/things")
    problem(answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "ratelimit" not in answer.headers, "who did not say who he is learns of no limit"


async def test_401_for_a_credential_that_is_not_good(http: httpx2.AsyncClient) -> None:
    answer = await http.get("/v1/things", headers={"Authorization": "Bearer x.y.z"})
    problem(answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert "ratelimit" not in answer.headers


async def test_403_names_the_scope_that_is_missing(http: httpx2.AsyncClient) -> None:
    answer = await http.get("/v1/things", headers=caller("dm:send"))
    assert problem(answer, 403, "forbidden")["scope"] == "dm:read"
    said = 'Bearer error="insufficient_scope", scope="dm:read"'
    assert answer.headers["www-authenticate"] == said
    assert (await http.get("/v1/things", headers=caller("dm:read"))).status_code == 200


@pytest.mark.parametrize("path", ["/nowhere", "/v1/things/missing"])
async def test_404_for_paths_and_for_things(http: httpx2.AsyncClient, path: str) -> None:
    problem(await http.get(path), 404, "not_found")


async def test_no_fact_takes_the_place_of_what_every_problem_has(http: httpx2.AsyncClient) -> None:
    assert problem(await http.get("/v1/things/masked"), 503, "unavailable")["neighbour"] == "quota"


async def test_405_says_what_is_allowed(http: httpx2.AsyncClient) -> None:
    answer = await http.delete("/v1/things/x")
    problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET"


async def test_409_names_the_field_and_gives_the_facts(http: httpx2.AsyncClient) -> None:
    found = problem(await http.get("/v1/things/taken"), 409, "conflict")
    assert found["holder"] == "acc_1"
    assert found["errors"] == [{"pointer": "#/name", "detail": "it is taken", "code": "conflict"}]


@pytest.mark.parametrize("body", [b"", b"{", b'{"name":', b"\xff\xfe"])
async def test_400_for_what_is_no_json(http: httpx2.AsyncClient, body: bytes) -> None:
    answer = await http.post(
        "/v1/things", content=body, headers={"content-type": "application/json"}
    )
    if body:
        problem(answer, 400, "bad_request")
    else:
        problem(answer, 422, "invalid")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "#/name"),
        ({"name": ""}, "#/name"),
        ({"name": "x" * 201}, "#/name"),
        ({"name": "x", "other": 1}, "#/other"),
        ({"name": "x", "size": "large"}, "#/size"),
        ({"name": "nul\x00nul"}, "#/name"),
        ({"name": "x", "note": "\x00"}, "#/note"),
        ([], "#/"),
    ],
)
async def test_422_points_at_the_field(
    http: httpx2.AsyncClient, body: object, pointer: str
) -> None:
    found = problem(await http.post("/v1/things", json=body), 422, "invalid")
    assert [error["pointer"] for error in found["errors"]] == [pointer]


@pytest.mark.parametrize(
    ("field", "value", "pointer"),
    [
        ("name", 1, "#/name"),
        ("name", True, "#/name"),
        ("name", ["x"], "#/name"),
        ("size", "1", "#/size"),
        ("size", True, "#/size"),
        ("size", 1.0, "#/size"),
        ("weight", "1.5", "#/weight"),
        ("weight", False, "#/weight"),
        ("sold", 1, "#/sold"),
        ("sold", "true", "#/sold"),
        ("sold", None, "#/sold"),
        ("colour", "blue", "#/colour"),
        ("colour", 0, "#/colour"),
        ("at", 1767225601, "#/at"),
        ("at", "1767225600", "#/at"),
        ("at", "2026-01-01", "#/at"),
        ("at", "2026-01-01T00:00:00", "#/at"),
        ("at", "2026-13-01T00:00:00Z", "#/at"),
        ("parts", {}, "#/parts"),
        ("parts", [{"count": "1"}], "#/parts/0/count"),
        ("labels", {"a": 1}, "#/labels/a"),
        ("labels", [], "#/labels"),
    ],
)
async def test_a_value_of_another_kind_is_not_taken_for_the_right_one(
    http: httpx2.AsyncClient, field: str, value: object, pointer: str
) -> None:
    answer = await http.post("/v1/things", json={"name": "x", field: value})
    found = problem(answer, 422, "invalid")
    assert [error["pointer"] for error in found["errors"]] == [pointer]


async def test_what_json_writes_as_a_string_is_read_from_one(http: httpx2.AsyncClient) -> None:
    for at in ("2026-01-01T00:00:00Z", "2026-01-01t00:00:00.123456+08:00", None):
        body = {"name": "x", "weight": 2, "colour": "red", "at": at, "parts": [{"count": 1}]}
        assert (await http.post("/v1/things", json=body)).status_code == 201


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'{"name":"x","name":"y"}', "name 'name' twice"),
        (b'{"name":"x","parts":[{"count":1,"count":1}]}', "name 'count' twice"),
        (rb'{"name":"x","n\u0061me":"y"}', "name 'name' twice"),
        (b'{"name":"x","weight":NaN}', "NaN is not"),
        (b'{"name":"x","weight":-Infinity}', "-Infinity is not"),
        (b'{"name":"x","weight":1e999}', "1e999 is too large"),
        (b'{"name":"x"}{}', "Extra data"),
        (b'{"name":"x"}\0', "Extra data"),
        (b'{"name":"x",}', "not JSON"),
        (b"{'name':'x'}", "not JSON"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b'{"name":"\xff"}', "not UTF-8"),
        ('{"name":"x"}'.encode("utf-16"), "not UTF-8"),
        (b'{"size":' + b"9" * 5000 + b"}", "not acceptable"),
        (b'{"x":' + b"[" * MOST_DEPTH + b"]" * MOST_DEPTH + b"}", f"deeper than {MOST_DEPTH}"),
        (b"[" * 500_000, f"deeper than {MOST_DEPTH}"),
    ],
    ids=lambda given: repr(given[:40]) if isinstance(given, bytes) else "",
)
async def test_400_for_a_body_that_readers_may_read_differently(
    http: httpx2.AsyncClient, body: bytes, says: str
) -> None:
    answer = await http.post(
        "/v1/things", content=body, headers={"content-type": "application/json"}
    )
    assert says in problem(answer, 400, "bad_request")["detail"]


async def test_a_body_may_be_as_deep_as_the_limit(http: httpx2.AsyncClient) -> None:
    depth = MOST_DEPTH - 1
    body = b'{"name":"x","other":' + b"[" * depth + b"]" * depth + b"}"
    headers = {"content-type": "application/json"}
    problem(await http.post("/v1/things", content=body, headers=headers), 422, "invalid")


@pytest.mark.parametrize("kind", [None, "", "text/plain", "application/x-www-form-urlencoded"])
async def test_415_for_a_body_that_does_not_say_that_it_is_json(
    http: httpx2.AsyncClient, kind: str | None
) -> None:
    headers = {} if kind is None else {"content-type": kind}
    answer = await http.post("/v1/things", content=b'{"name":"x"}', headers=headers)
    problem(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "application/x+json"])
async def test_a_body_may_say_more_about_its_json(http: httpx2.AsyncClient, kind: str) -> None:
    answer = await http.post("/v1/things", content=b'{"name":"x"}', headers={"content-type": kind})
    assert answer.status_code == 201


async def test_422_for_half_a_character(http: httpx2.AsyncClient) -> None:
    body = rb'{"name":"\ud800"}'
    answer = await http.post(
        "/v1/things", content=body, headers={"content-type": "application/json"}
    )
    problem(answer, 422, "invalid")


@pytest.mark.parametrize("path", ["/v1/things/a%00b", "/v1/things?name=a%00b"])
async def test_nul_in_an_address_goes_no_further(http: httpx2.AsyncClient, path: str) -> None:
    """PostgreSQL stores no NUL: what gets through here is an internal error there."""
    answer = await http.get(path, headers=caller("dm:read"))
    assert answer.json()["instance"] == answer.request.url.path.replace("%00", "\0")
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("cursor", ["x", "", "AAAA", CURSORS.write([1], "things", "org_2")])
async def test_400_for_a_cursor_that_is_not_ours(http: httpx2.AsyncClient, cursor: str) -> None:
    good = CURSORS.write([1], "things", "org_1")
    headers = caller("dm:read")
    assert (await http.get(f"/v1/things?cursor={good}", headers=headers)).status_code == 200
    for bad in filter(None, (cursor, good[:-2], "A" + good[1:])):
        found = problem(
            await http.get(f"/v1/things?cursor={bad}", headers=headers), 400, "bad_request"
        )
        assert found["parameter"] == "cursor"


async def test_503_says_when_to_try_again(http: httpx2.AsyncClient) -> None:
    for path in ("/v1/things/away", "/v1/database"):
        answer = await http.get(path)
        assert problem(answer, 503, "unavailable")["retryable"] is True
        assert answer.headers["retry-after"] == "1"


async def test_500_tells_nothing(http: httpx2.AsyncClient) -> None:
    with capture_logs() as logged:
        answer = await http.get("/v1/things/crash")
    problem(answer, 500, "internal")
    assert [line["event"] for line in logged] == ["request_failed"], "but we are told"
    assert "canary-secret" not in answer.text + str(logged)


async def in_chunks(size: int) -> AsyncIterator[bytes]:
    yield b'{"name":"x","note":"'
    for _ in range(size // 1024):
        yield b"a" * 1024
    yield b'"}'


async def test_413_for_a_body_that_is_declared_too_large(http: httpx2.AsyncClient) -> None:
    problem(await http.post("/v1/things", content=b"a" * (MOST_BYTES + 1)), 413, "too_large")


@pytest.mark.parametrize("path", ["/v1/things", "/nowhere"])
async def test_413_for_a_body_that_becomes_too_large(http: httpx2.AsyncClient, path: str) -> None:
    headers = {"content-type": "application/json"}
    answer = await http.post(path, content=in_chunks(MOST_BYTES), headers=headers)
    assert "content-length" not in answer.request.headers
    if path == "/nowhere":
        problem(answer, 404, "not_found")  # refused before its body was read
    else:
        problem(answer, 413, "too_large")


async def test_a_body_of_just_under_a_megabyte_is_read(http: httpx2.AsyncClient) -> None:
    headers = {"content-type": "application/json"}
    answer = await http.post("/v1/things", content=in_chunks(MOST_BYTES - 2048), headers=headers)
    assert (answer.status_code, answer.json()) == (201, {"name": "x"})


async def test_titles_speak_chinese_when_asked(http: httpx2.AsyncClient) -> None:
    for path, title in (
        ("/v1/things/missing", "未找到"),
        ("/nowhere", "未找到"),
        ("/nul%00", "请求无法理解"),
    ):
        answer = await http.get(path, headers={"accept-language": "zh-CN,zh;q=0.9"})
        assert (answer.json()["title"], answer.headers["content-language"]) == (title, "zh")


async def test_what_was_read_has_a_tag_and_is_not_sent_to_who_has_it(
    http: httpx2.AsyncClient,
) -> None:
    first = await http.get("/v1/things/blue")
    again = await http.get("/v1/things/blue", headers={"if-none-match": first.headers["etag"]})
    other = await http.get("/v1/things/red", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["request-id"] != first.headers["request-id"]
    assert (other.status_code, other.json()) == (200, {"kind": "red"})


async def test_the_next_page_is_linked_with_what_else_was_asked(http: httpx2.AsyncClient) -> None:
    answer = await http.get("/v1/things?limit=2&name=a%20%3E", headers=caller("dm:read"))
    link = answer.headers["link"]
    assert link.startswith("</v1/things?limit=2&name=a+%3E&cursor=")
    assert link.endswith('>; rel="next"')
    place = link.removeprefix("<").removesuffix('>; rel="next"')
    last = await http.get(place, headers=caller("dm:read"))
    assert (last.status_code, "link" in last.headers) == (200, False)
    assert last.json() == {"limit": 2, "name": "a >", "next_cursor": None}


async def test_every_answer_to_a_caller_tells_its_limits(http: httpx2.AsyncClient) -> None:
    for scope, status in (("dm:read", 200), ("dm:send", 403)):
        answer = await http.get("/v1/things", headers=caller(scope))
        assert answer.status_code == status
        assert answer.headers["ratelimit-policy"].startswith('"api";q=600;w=60;pk=:')
        assert answer.headers["ratelimit"].startswith('"api";r=')


def test_every_error_has_a_code_of_its_own() -> None:
    kinds: list[type[AppError]] = [AppError, *AppError.__subclasses__()]
    ours = [kind for kind in kinds if kind.__module__ == AppError.__module__]
    assert len({kind.code for kind in ours}) == len(ours) > 5
