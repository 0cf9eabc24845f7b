"""Every refusal of every API is problem+json, whoever refuses and however early."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx2
import pytest
from fastapi import APIRouter, Query
from structlog.testing import capture_logs

from shared.errors import AppError, Conflict, NeighbourAway, NotFound
from shared.http.middleware import MOST_BYTES, Doorkeeper
from shared.http.models import RequestModel, ShortText, Text
from shared.http.pages import AskedPage, Cursors
from shared.http.principal import Principal, caller_with
from shared.runtime import new_api
from tests.support.world import resources_for

RESOURCES = resources_for("postgresql+asyncpg://u:p@127.0.0.1:1/x", "redis://127.0.0.1:1")
Reader = Annotated[Principal, caller_with("dm:read")]
CURSORS = Cursors(b"k" * 32)
ERRORS: dict[str, Exception] = {
    "missing": NotFound("no such thing"),
    "taken": Conflict("it is taken", pointer="#/name", holder="acc_1"),
    "away": NeighbourAway("PostgreSQL is away"),
    "crash": ZeroDivisionError("canary-secret"),
}
router = APIRouter()


class ThingIn(RequestModel):
    name: ShortText
    note: Text = ""
    size: int = 1


@router.post("/v1/things", status_code=201)
async def make_thing(body: ThingIn) -> dict[str, str]:
    return {"name": body.name}


@router.get("/v1/things")
async def list_things(
    caller: Reader, page: AskedPage, name: Annotated[str | None, Query(max_length=20)] = None
) -> dict[str, Any]:
    if page.cursor:
        CURSORS.read(page.cursor, "things", caller.organization_id)
    return {"limit": page.limit, "name": name}


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
    assert isinstance(found["retryable"], bool)
    assert found["title"]
    assert found["detail"]
    return found


async def test_401_without_a_credential(http: httpx2.AsyncClient) -> None:
    answer = await http.get("/v1/things")
    problem(answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_403_names_the_scope_that_is_missing(http: httpx2.AsyncClient) -> None:
    answer = await http.get("/v1/things", headers=caller("dm:send"))
    assert problem(answer, 403, "forbidden")["scope"] == "dm:read"
    assert (await http.get("/v1/things", headers=caller("dm:read"))).status_code == 200


@pytest.mark.parametrize("path", ["/nowhere", "/v1/things/missing"])
async def test_404_for_paths_and_for_things(http: httpx2.AsyncClient, path: str) -> None:
    problem(await http.get(path), 404, "not_found")


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
    assert "canary-secret" not in answer.text


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
    for path, title in (("/v1/things/missing", "未找到"), ("/nowhere", "未找到")):
        answer = await http.get(path, headers={"accept-language": "zh-CN,zh;q=0.9"})
        assert answer.json()["title"] == title


def test_every_error_has_a_code_of_its_own() -> None:
    kinds: list[type[AppError]] = [AppError, *AppError.__subclasses__()]
    ours = [kind for kind in kinds if kind.__module__ == AppError.__module__]
    assert len({kind.code for kind in ours}) == len(ours) > 5
