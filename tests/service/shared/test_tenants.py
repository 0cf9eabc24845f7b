"""What one organization has is not there for another: every operation of the public API, by every id."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
import pytest

from services.open_platform.actions import accounts
from services.open_platform.service import deps_of
from tests.service.conftest import NAMES
from tests.service.shared.operations import (
    BODIES,
    CANARY,
    COMMON,
    Operation,
    Tenant,
    a_tenant,
    every_operation,
)

# asked without a key: what it does is decided by a signed state, which names whose account it is
WITHOUT_KEY = frozenset({"complete_douyin_authorisation"})
# the platform, or time, would have to bring it first
NOT_THERE_YET = frozenset({"get_douyin_business_token", "get_douyin_owner", "get_subscription"})
# it creates what is not there: to a stranger who means to replace, nothing is
CREATES = {"put_douyin_app": (412, "precondition_failed")}
REFUSED_BEFORE_ANY_LOOK = frozenset({400, 401, 403, 404, 405, 415, 422, 428})


@pytest.fixture
async def tenant(worlds: Callable[..., Any]) -> AsyncIterator[Tenant]:
    """An organization that has something of everything."""
    async with worlds(*NAMES, douyin_api_url="http://127.0.0.1:1") as world:  # nobody listens
        yield await a_tenant(world)


@pytest.fixture
async def stranger(tenant: Tenant) -> str:
    """Another organization, with an account of its own."""
    made = await accounts.create_organization(deps_of(tenant.world.resources), "别家公司")
    headers = tenant.world.caller(made.id)
    answer = await tenant.world.http.post("/v1/accounts", json={"name": "别家"}, headers=headers)
    assert answer.is_success
    await tenant.world.drain()
    return made.id


def about_something(tenant: Tenant) -> list[Operation]:
    """Operations on a thing that an id names."""
    return [one for one in every_operation(tenant.world) if one.in_path]


async def everything(tenant: Tenant) -> dict[str, str]:
    """A digest of each table of every service."""
    tables = await tenant.world.sql(
        "SELECT schemaname || '.' || tablename FROM pg_tables WHERE schemaname = ANY($1)",
        list(NAMES),
    )
    return {
        name: str(
            (
                await tenant.world.sql(
                    f"SELECT md5(coalesce(string_agg(t::text, ',' ORDER BY t::text), '')) FROM {name} t"
                )
            )[0][0]
        )
        for (name,) in tables
    }


def as_refused(answer: httpx2.Response) -> dict[str, Any]:
    """A refusal without what differs between any two requests."""
    found: dict[str, Any] = answer.json()
    return {k: v for k, v in found.items() if k not in {"instance", "request_id"}}


async def test_this_table_can_ask_every_operation(tenant: Tenant) -> None:
    operations = every_operation(tenant.world)
    assert len(operations) > 30
    where = "tests/service/shared/operations.py"
    unmade = {f"{one.id}: {name}" for one in operations for name in one.in_path - set(tenant.ids)}
    assert not unmade, f"let `a_tenant` in {where} make one, and keep its id in `ids`: {unmade}"
    bodiless = {one.id for one in operations if one.has_body} - set(BODIES)
    assert not bodiless, f"give each a valid body in `BODIES` of {where}: {bodiless}"
    gone = set(BODIES) - {one.id for one in operations}
    assert not gone, f"take these out of `BODIES` of {where}, their operations are gone: {gone}"


async def test_the_owner_is_answered_by_every_operation(tenant: Tenant) -> None:
    """So that what a stranger gets is not the refusal of a bad request."""
    for one in every_operation(tenant.world):
        if one.id not in WITHOUT_KEY | NOT_THERE_YET:
            answer = await tenant.ask(one)
            assert answer.status_code not in REFUSED_BEFORE_ANY_LOOK, (one.id, answer.text)


async def test_a_stranger_finds_nothing_by_any_id(tenant: Tenant, stranger: str) -> None:
    nobody = {name: f"{value[:-4]}0000" for name, value in tenant.ids.items()}
    nobody |= COMMON
    before = await everything(tenant)
    for one in about_something(tenant):
        answer = await tenant.ask(one, by=stranger)
        assert CANARY not in answer.text, one.id
        refused = CREATES.get(one.id, (404, "not_found"))
        assert (answer.status_code, answer.json()["code"]) == refused, (one.id, answer.text)
        unknown = await tenant.ask(one, by=stranger, ids=nobody)
        assert as_refused(answer) == as_refused(unknown), "nor learns that it is there"
    assert await everything(tenant) == before


async def test_what_a_stranger_lists_is_its_own(tenant: Tenant, stranger: str) -> None:
    for one in every_operation(tenant.world):
        if one.is_read and not one.in_path and one.id not in WITHOUT_KEY:
            answer = await tenant.ask(one, by=stranger)
            assert answer.status_code == 200, (one.id, answer.text)
            assert CANARY not in answer.text, one.id
            assert not any(i in answer.text for n, i in tenant.ids.items() if n not in COMMON), (
                one.id
            )


async def test_a_stranger_cannot_go_on_where_the_owner_is(tenant: Tenant, stranger: str) -> None:
    """A cursor of another organization opens no list, neither the owner's nor one's own."""
    asked = 0
    for one in every_operation(tenant.world):
        if "cursor" not in one.in_query:
            continue
        path = one.path.format(**tenant.ids)
        mine, theirs = (tenant.world.caller(o) for o in (tenant.organization, stranger))
        first = await tenant.world.http.get(f"{path}?limit=1", headers=mine)
        cursor = first.json().get("next_cursor")  # none of a list that is Douyin's, who is away
        if cursor is None:
            continue
        asked += 1
        answer = await tenant.world.http.get(f"{path}?cursor={cursor}", headers=theirs)
        assert answer.status_code in {400, 404}, (one.id, answer.text)
        assert CANARY not in answer.text
    assert asked >= 5


async def test_every_body_is_read_strictly(tenant: Tenant) -> None:
    before = await everything(tenant)
    for one in every_operation(tenant.world):
        if not one.has_body:
            continue
        body = BODIES[one.id]
        name, value = next(iter(body.items()))
        twice = f"{{{json.dumps(name)}:{json.dumps(value)},{json.dumps(body)[1:]}".encode()
        wrong_kinds = [json.dumps({**body, n: [[]]}).encode() for n in body]
        more = json.dumps({**body, "organization_id": "org_1"}).encode()
        for sent, kind, status in (
            (twice, "application/json", 400),
            (json.dumps(body).encode() + b"x", "application/json", 400),
            (json.dumps(body).encode(), "text/plain", 415),
            *((raw, "application/json", 422) for raw in (*wrong_kinds, more)),
        ):
            headers = tenant.world.caller(tenant.organization) | {"content-type": kind}
            headers |= {"if-match": "*", "idempotency-key": "another-key"}
            path = one.path.format(**tenant.ids)
            answer = await tenant.world.http.request(one.verb, path, content=sent, headers=headers)
            assert answer.status_code == status, (one.id, sent, answer.text)
            assert answer.json()["request_id"] == answer.headers["request-id"]
    assert await everything(tenant) == before
