"""One idempotency key has one effect and one answer; another request under it is refused."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx2
import pytest
import sqlalchemy as sa
from fastapi import Response

from shared.errors import AppError
from shared.http import idempotency
from shared.http.idempotency import RequiredKey
from shared.http.middleware import Doorkeeper
from shared.http.models import RequestModel
from shared.http.principal import Principal, caller_with
from shared.http.routing import Router
from shared.runtime import Resources, new_api
from tests.service.shared.conftest import HEARER, Road

Writer = Annotated[Principal, caller_with("dm:send")]
KEY = "order-0001"


class WordIn(RequestModel):
    word: str


class AnsweredBefore(AppError):
    """Somebody with the same key was quicker: leave the transaction without an effect."""


def words(resources: Resources) -> Router:
    """An endpoint as every service writes it: the effect and its answer in one transaction."""
    router = Router()
    database = resources.database(HEARER)

    @router.post("/v1/words", status_code=202)
    async def say(
        body: WordIn, key: RequiredKey, caller: Writer, response: Response
    ) -> dict[str, Any]:
        try:
            async with database.transaction(caller.organization_id) as tx:
                if found := await idempotency.find(tx, caller.organization_id, key):
                    response.status_code = found.status
                    return found.body | {"again": True}
                await tx.execute(sa.text("INSERT INTO effect VALUES (:word)"), {"word": body.word})
                answer = {"said": body.word, "at": str(tx.now)}
                if await idempotency.keep(tx, caller.organization_id, key, 202, answer):
                    raise AnsweredBefore
        except AnsweredBefore:
            async with database.transaction(caller.organization_id) as tx:
                first = await idempotency.find(tx, caller.organization_id, key)
                assert first is not None
                return first.body | {"again": True}
        return answer

    return router


class Client:
    """Says words under keys."""

    def __init__(self, road: Road, http: httpx2.AsyncClient) -> None:
        self.road, self._http = road, http

    async def say(
        self, word: str, key: str | None = KEY, organization: str = "org_1"
    ) -> httpx2.Response:
        tokens = self.road.process("api").tokens
        token = tokens.issue(Principal(organization, "key_1", frozenset({"dm:send"})))
        headers = {"Authorization": f"Bearer {token}"}
        if key is not None:
            headers["Idempotency-Key"] = key
        return await self._http.post("/v1/words", json={"word": word}, headers=headers)


@pytest.fixture
async def client(road: Road) -> AsyncIterator[Client]:
    resources = road.process("api")
    app = new_api(resources, HEARER, "words")
    app.include_router(words(resources))
    transport = httpx2.ASGITransport(app=Doorkeeper(app, HEARER), raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://siyu") as http:
        yield Client(road, http)


async def test_the_same_request_gets_the_same_answer_and_has_one_effect(client: Client) -> None:
    first, second = await client.say("hello"), await client.say("hello")
    assert (first.status_code, second.status_code) == (202, 202)
    assert second.json() == first.json() | {"again": True}
    assert await client.road.effects() == ["hello"]


async def test_a_quoted_key_is_the_same_key(client: Client) -> None:
    await client.say("hello", KEY)
    assert (await client.say("hello", f'"{KEY}"')).json()["again"] is True


async def test_another_request_under_the_same_key_is_refused(client: Client) -> None:
    await client.say("hello")
    answer = await client.say("good bye")
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert await client.road.effects() == ["hello"]


async def test_another_tenant_may_use_the_same_key(client: Client) -> None:
    await client.say("hello", organization="org_1")
    answer = await client.say("good bye", organization="org_2")
    assert answer.json()["said"] == "good bye"


async def test_a_request_without_a_proper_key_is_refused(client: Client) -> None:
    for key in (None, "", "short", "with space inside", "x" * 256, "del\x7f-del-del"):
        answer = await client.say("hello", key)
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_request"), key
    assert await client.road.effects() == []


async def test_two_at_once_have_one_effect_and_one_answer(client: Client) -> None:
    answers = await asyncio.gather(*(client.say("hello") for _ in range(6)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["at"] for answer in answers}) == 1
    assert sum("again" not in answer.json() for answer in answers) == 1
    assert await client.road.effects() == ["hello"]


async def test_a_key_is_forgotten_after_its_time_and_not_before(client: Client) -> None:
    await client.say("hello")
    database = client.road.process("api").database(HEARER)
    for hours, forgotten in ((71, 0), (2, 1)):  # 72 in all
        await client.road.sql(
            f"UPDATE {HEARER}.idempotency_key SET expires_at = expires_at - interval '{hours} h'"
        )
        async with database.transaction("*") as tx:
            assert await idempotency.purge(tx) == forgotten
