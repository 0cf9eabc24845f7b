"""What must not come in: it is refused in the declared way and leaves nothing but a counter."""

import re
import time
from contextlib import ExitStack
from socket import create_connection
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.e2e import wire
from tests.e2e.house import House

NEGATIVES = wire.vectors()["negatives"]
WELL = wire.said("e2e-never", "多少钱").body()


def rows_of(house: House) -> list[int]:
    """How much is stored, but for the echoes that come when they like."""
    sql = "SELECT count(*) FROM douyin.inbound WHERE event <> 'im_send_msg'"
    verified = "SELECT count(*) FROM douyin.inbound WHERE event = 'verify_webhook'"
    return [house.rows(one)[0]["count"] for one in (sql, verified)]


def counted(house: House, result: str) -> float:
    """The counter of webhooks that ended so."""
    shown = house.http.get(f"{house.base}/metrics").text
    found = re.search(rf'^webhook_intake_total{{result="{result}"}} (\S+)', shown, re.MULTILINE)
    return float(found[1]) if found else 0.0


def assert_problem(answer: Any, status: int, code: str) -> None:
    assert (answer.status_code, answer.headers["content-type"]) == (
        status,
        "application/problem+json",
    )
    assert answer.json()["code"] == code


@pytest.mark.parametrize("negative", NEGATIVES, ids=lambda one: one["name"])
def test_a_negative_vector_is_refused_and_leaves_a_count(
    house: House, negative: dict[str, Any]
) -> None:
    is_signed = negative["expect"]["signature_valid"]
    status, code = (400, "bad_request") if is_signed else (401, "unauthenticated")
    message = "SELECT count(*) FROM douyin.inbound WHERE dedupe_key = '@msg001=='"
    before, stored = counted(house, code), (rows_of(house), house.rows(message))
    assert_problem(house.post(negative["body"].encode(), negative["headers"]), status, code)
    assert counted(house, code) == before + 1
    assert (rows_of(house), house.rows(message)) == stored


@pytest.mark.parametrize(
    "body",
    [
        WELL[:-1],
        WELL + b"\n{}",
        WELL + b"x",
        WELL.replace(b'"event":', b'"event":"im_receive_msg","event":', 1),
        WELL.replace(wire.CLIENT_KEY.encode(), b"another-client-key"),
        b"[]",
        b"\xff\xfe",
        b'{"event":NaN}',
    ],
    ids=[
        *("cut", "two values", "trailing bytes", "duplicate keys"),
        *("another client_key", "no object", "no UTF-8", "NaN"),
    ],
)
def test_a_signed_body_that_is_not_one_plain_object_is_refused(house: House, body: bytes) -> None:
    before = rows_of(house)
    assert_problem(house.post(body), 400, "bad_request")
    assert rows_of(house) == before


def test_a_body_that_no_event_has_is_too_large(house: House) -> None:
    assert_problem(house.post(b" " * (256 * 1024 + 1)), 413, "too_large")
    assert_problem(
        house.http.post(house.hook, content=(b" " * 70_000 for _ in range(4))), 413, "too_large"
    )


def test_bodies_that_drip_in_are_given_up_and_hold_up_nobody(house: House) -> None:
    """Fifty clients that announce a body and never finish it."""
    before = counted(house, "too_slow")
    head = f"POST {urlsplit(house.hook).path} HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{{"
    with ExitStack() as stack:
        address = ("127.0.0.1", house.port)
        slow = [stack.enter_context(create_connection(address, timeout=10)) for _ in range(50)]
        for one in slow:
            one.sendall(head.encode())
        began = time.monotonic()
        assert house.post(b"[]").status_code == 400, "another caller is answered meanwhile"
        assert time.monotonic() - began < 1
        for one in slow:
            with one.makefile("rb") as said:  # to its end: the connection is closed by the door
                assert said.readline().split()[1] == b"408"
                assert b'"code":"too_slow"' in said.read()
        assert time.monotonic() - began < 8
    assert counted(house, "too_slow") == before + 50


def test_an_unknown_app_is_not_found(house: House) -> None:
    url = house.hook.replace(wire.CLIENT_KEY, "nobody")
    assert_problem(house.http.post(url, content=WELL, headers=wire.headers(WELL)), 404, "not_found")


def test_webhooks_are_posted(house: House) -> None:
    assert_problem(house.http.get(house.hook), 405, "method_not_allowed")


def test_an_unsigned_body_is_refused(house: House) -> None:
    assert_problem(house.post(WELL, {"Content-Type": "application/json"}), 401, "unauthenticated")


@pytest.mark.parametrize("credential", ["", "Bearer dyk_live_wrong", "Bearer x.y.z", "Basic abc"])
def test_the_api_opens_for_its_key_alone(house: House, credential: str) -> None:
    path = f"{house.base}/v1/accounts/{house.demo['account_id']}/rules"
    refused = house.http.get(path, headers={"Authorization": credential} if credential else {})
    assert_problem(refused, 401, "unauthenticated")
    told = 'Bearer error="invalid_token"' if credential else "Bearer"
    assert refused.headers["www-authenticate"] == told
    opened = house.api("GET", f"/v1/accounts/{house.demo['account_id']}/rules")
    assert opened.status_code == 200
    assert len(opened.json()["data"]) >= 12


def test_another_account_is_not_there(house: House) -> None:
    assert house.api("GET", "/v1/messages/dm_nobody/decision").status_code == 404


def test_a_pattern_that_cannot_be_run_safely_is_refused_at_save(house: House) -> None:
    path = f"/v1/accounts/{house.demo['account_id']}/rules"
    rule = {"name": "x", "trigger": "message", "match": "re2", "replies": [{"text": "y"}]}
    before = house.api("GET", path).json()
    for pattern in (r"(a)\1", "(", "a" * 10_000):
        answer = house.api("POST", path, json={**rule, "pattern": pattern})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#/pattern")
    assert house.api("GET", path).json() == before


def test_what_services_ask_each_other_is_closed_to_everybody_else(house: House) -> None:
    """Also to the owner of an API key."""
    paths = ["tokens", *(f"quota/{verb}" for verb in ("reserve", "commit", "release", "peek"))]
    for path in paths:
        url = f"/internal/{path}"
        assert house.http.post(f"{house.base}{url}", json={}).status_code == 401, path
        assert house.api("POST", url, json={}).status_code == 403, path


def test_health_metrics_and_the_document_are_public(house: House) -> None:
    document = house.http.get(f"{house.base}/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert "/v1/messages/{message_id}/decision" in document["paths"]
    assert not [path for path in document["paths"] if path.startswith("/internal")]
    for path in ("/livez", "/readyz", "/metrics"):
        assert house.http.get(f"{house.base}{path}").status_code == 200
        assert house.http.get(f"{house.simulator}{path}").status_code == 200
