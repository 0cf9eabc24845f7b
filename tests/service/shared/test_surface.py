"""What every operation does alike: keys, versions, times. Each is asked, by its document."""

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.service.conftest import NAMES, OpenWorld
from tests.service.shared.operations import (
    BODIES,
    HEADERS,
    Operation,
    Tenant,
    a_tenant,
    every_operation,
)

# Douyin is asked in between, and is away in this world: their own tests ask them
ASK_DOUYIN = {"check_follow", "create_card_template", "create_lead_card", "upload_image"}
# what it creates is not there, so that no version can be lost
CREATES = {"put_douyin_business_token"}
TIME = re.compile(r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d")
OURS = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")


@pytest.fixture
async def tenant(worlds: OpenWorld) -> AsyncIterator[Tenant]:
    """An organization that has something of everything."""
    async with worlds(*NAMES, douyin_api_url="http://127.0.0.1:1") as world:  # nobody listens
        yield await a_tenant(world)


def askable(tenant: Tenant) -> list[Operation]:
    """What the table of tenants can ask; that it can ask everything is tested beside it."""
    return [
        o
        for o in every_operation(tenant.world)
        if o.in_path <= set(tenant.ids) and (o.id in BODIES or not o.has_body)
    ]


def texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for below in value.values() if isinstance(value, dict) else value:
        if isinstance(below, str | dict | list):
            yield from texts_in(below) if not isinstance(below, str) else [below]


async def test_whatever_is_asked_for_twice_under_one_key_is_done_once(tenant: Tenant) -> None:
    for one in askable(tenant):
        if one.verb != "POST" or one.id in ASK_DOUYIN:
            continue
        first, again = await tenant.ask(one), await tenant.ask(one)
        assert (again.status_code, again.json().keys()) == (first.status_code, first.json().keys())
        if first.is_success:
            assert again.json() == first.json(), one.id
            assert again.headers["idempotency-replayed"] == "true", one.id


async def test_nothing_is_changed_by_who_does_not_say_which_version(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    for tag, refused in (
        (None, (428, "precondition_required")),
        ('"old"', (412, "precondition_failed")),
    ):
        with monkeypatch.context() as sent:
            sent.delitem(HEADERS, "if-match") if tag is None else sent.setitem(
                HEADERS, "if-match", tag
            )
            for one in askable(tenant):
                if one.verb not in {"PUT", "PATCH", "DELETE"} or (
                    tag is None and one.id in CREATES
                ):
                    continue
                answer = await tenant.ask(one)
                # to replace or delete what is not there is no question of versions
                assert (answer.status_code, answer.json()["code"]) in {
                    refused,
                    (404, "not_found"),
                    (503, "douyin_away"),
                    (503, "douyin.busy"),  # which alone knows the version
                }, one.id


async def test_every_time_is_written_in_utc_to_the_millisecond(tenant: Tenant) -> None:
    seen = 0
    for one in askable(tenant):
        if one.is_read or one.verb == "POST":
            answer = await tenant.ask(one)
            if "json" not in answer.headers.get("content-type", ""):
                continue
            for text in texts_in(answer.json()):
                if TIME.match(text):
                    seen += 1
                    assert OURS.match(text), (one.id, text)
    assert seen > 20
