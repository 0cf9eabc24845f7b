"""The pages: all of them from this machine, none without its headers, no error without its page."""

import re

import pytest

from services.embedded.console.problems import every_kind
from shared.http.errors import type_of
from tests.service.console.conftest import Console

PAGES = ("/console", "/console/api", "/problems", "/problems/not_found")


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_loads_nothing_from_elsewhere_and_runs_nothing_inline(
    console: Console, path: str
) -> None:
    answer = await console.http.get(path)
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "//" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["request-id"].startswith("req_")
    assert not re.search(r"<script(?![^>]* src=)|<style|\son\w+=|style=", answer.text)
    for address in re.findall(r'(?:src|href)="([^"]+)"', answer.text):
        assert address.startswith("/"), "from here"
        assert (await console.http.get(address)).status_code == 200, address


async def test_a_file_that_the_browser_has_is_not_sent_again(console: Console) -> None:
    path = "/console/swagger-ui-bundle.js"
    first = await console.http.get(path)
    again = await console.http.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")


async def test_no_file_but_those_of_the_console_is_served(console: Console) -> None:
    for path in ("/console/LICENSE", "/console/../processes.py", "/console/%2e%2e/front.py"):
        assert (await console.http.get(path)).status_code == 404


async def test_every_type_of_problem_has_a_page_in_the_catalogue(console: Console) -> None:
    catalogue = (await console.http.get("/problems")).text
    for kind in every_kind():
        assert f'href="/problems/{kind.code}"' in catalogue
        page = await console.http.get(f"/problems/{kind.code}")
        assert page.status_code == 200
        assert kind.title_zh in page.text
        assert f"<code>{type_of(kind)}</code>" in page.text


async def test_an_error_that_nobody_raises_has_no_page(console: Console) -> None:
    answer = await console.http.get("/problems/<script>alert(1)<")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_the_contract_that_is_shown_covers_the_operations_too(console: Console) -> None:
    document = (await console.http.get("/openapi.json")).json()
    assert "/v1/operations/standing" in document["paths"]
    assert "/v1/accounts/{account_id}/rules" in document["paths"]
    assert not [path for path in document["paths"] if path.startswith("/internal/")]
    for path, item in document["paths"].items():
        for verb, operation in item.items():
            if path.startswith("/v1/"):
                assert operation["security"], f"{verb} {path} says which scope it needs"
