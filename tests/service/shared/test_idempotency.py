"""One idempotency key has one effect and one answer; another request under it is refused."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated

import httpx2
import pytest
import sqlalchemy as sa

from shared.errors import AppError, NeighbourAway
from shared.http import idempotency
from shared.http.idempotency import Once, OptionalKey, RequiredKey
from shared.http.middleware import Doorkeeper
from shared.http.models import RequestModel, ResponseModel
from shared.http.principal import Principal, caller_with
from shared.http.routing import Router
from shared.runtime import Resources, new_api
from tests.service.shared.conftest import HEARER, Road, eventually

Writer = Annotated[Principal, caller_with("dm:send")]
KEY = "order-0001"
OUTSIDE = "/v1/questions"
RISKED = "/v1/orders"


class WordIn(RequestModel):
    word: str


class WordOut(ResponseModel):
    said: str
    at: datetime


def words(resources: Resources) -> Router:
    """Endpoints as every service writes them: the effect and its answer in one transaction."""
    router = Router()
    database = resources.database(HEARER)

    async def spoken(organization: str, body: WordIn, once: Once[WordOut]) -> WordOut:
        async with database.transaction(organization) as tx:
            await once.begin(tx, organization)
            await tx.execute(sa.text("INSERT INTO effect VALUES (:word)"), {"word": body.word})
            if body.word == "slowly":
                await asyncio.sleep(0.3)
            said = WordOut(said=body.word, at=tx.now)
            await once.keep(tx, organization, said)
            return said

    def shown(said: WordOut) -> WordOut:
        return said

    @router.post("/v1/words", status_code=202)
    async def say(body: WordIn, key: RequiredKey, caller: Writer) -> WordOut:
        return await spoken(caller.organization_id, body, Once(key, shown, 202))

    @router.post("/v1/secrets", status_code=201)
    async def whisper(body: WordIn, key: OptionalKey, caller: Writer) -> WordOut:
        return await spoken(caller.organization_id, body, Once(key, shown, sealer=resources.sealer))

    return router


def questions(resources: Resources) -> Router:
    """An endpoint that asks the outside while its key is held."""
    router = Router()
    database = resources.database(HEARER)
    away = ["the outside is away, once"]

    async def asked(organization: str, body: WordIn, once: Once[WordOut]) -> WordOut:
        async with once.held(database, organization):
            if body.word == "slowly":
                await asyncio.sleep(0.3)
            if body.word == "away" and away:
                raise NeighbourAway(away.pop())
            async with database.transaction(organization) as tx:
                await tx.execute(sa.text("INSERT INTO effect VALUES (:word)"), {"word": body.word})
                said = WordOut(said=body.word, at=tx.now)
                await once.keep(tx, organization, said)
                return said

    @router.post("/v1/questions", status_code=201)
    async def ask(body: WordIn, key: OptionalKey, caller: Writer) -> WordOut:
        return await asked(caller.organization_id, body, Once(key, lambda said: said))

    return router


class Unclear(AppError):
    """The outside gave no answer that can be read."""

    status = 503

    def __init__(self, *, in_doubt: bool) -> None:
        super().__init__()
        self.in_doubt = in_doubt


def orders(resources: Resources) -> Router:
    """An endpoint that asks the outside for something that must not be done twice."""
    router = Router()
    database = resources.database(HEARER)

    async def ordered(organization: str, body: WordIn, once: Once[WordOut]) -> WordOut:
        async with once.held(database, organization):
            async with once.risked(database, organization):
                async with database.transaction(organization) as tx:
                    effect = sa.text("INSERT INTO effect VALUES (:word)")
                    await tx.execute(effect, {"word": body.word})
                if body.word == "slowly":
                    await asyncio.sleep(60)
                if body.word in {"refused", "unclear"}:
                    raise Unclear(in_doubt=body.word == "unclear")
            async with database.transaction(organization) as tx:
                said = WordOut(said=body.word, at=tx.now)
                await once.keep(tx, organization, said)
                return said

    @router.post("/v1/orders", status_code=201)
    async def order(body: WordIn, key: OptionalKey, caller: Writer) -> WordOut:
        return await ordered(caller.organization_id, body, Once(key, lambda said: said))

    return router


class Client:
    """Says words under keys."""

    def __init__(self, road: Road, http: httpx2.AsyncClient) -> None:
        self.road, self._http = road, http

    async def say(
        self,
        word: str,
        key: str | None = KEY,
        organization: str = "org_1",
        path: str = "/v1/words",
    ) -> httpx2.Response:
        tokens = self.road.process("api").tokens
        token = tokens.issue(Principal(organization, "key_1", frozenset({"dm:send"})))
        headers = {"Authorization": f"Bearer {token}"}
        if key is not None:
            headers["Idempotency-Key"] = key
        return await self._http.post(path, json={"word": word}, headers=headers)


@pytest.fixture
async def client(road: Road) -> AsyncIterator[Client]:
    resources = road.process("api")
    app = new_api(resources, HEARER, "words")
    app.include_router(words(resources))
    app.include_router(questions(resources))
    app.include_router(orders(resources))
    transport = httpx2.ASGITransport(app=Doorkeeper(app, HEARER), raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://siyu") as http:
        yield Client(road, http)


async def test_the_same_request_gets_the_same_answer_and_has_one_effect(client: Client) -> None:
    first, second = await client.say("hello"), await client.say("hello")
    assert (first.status_code, second.status_code) == (202, 202)
    assert second.json() == first.json()
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert await client.road.effects() == ["hello"]


async def test_a_quoted_key_is_the_same_key(client: Client) -> None:
    await client.say("hello", KEY)
    answer = await client.say("hello", f'"{KEY}"')
    assert answer.headers["idempotency-replayed"] == "true"


async def test_where_a_key_is_optional_each_request_without_one_is_new(client: Client) -> None:
    for key in (None, None, KEY, KEY):
        assert (await client.say("hello", key, path="/v1/secrets")).status_code == 201
    assert await client.road.effects() == ["hello"] * 3


async def test_an_answer_with_a_secret_is_kept_sealed_and_given_again(client: Client) -> None:
    first = await client.say("canary", path="/v1/secrets")
    second = await client.say("canary", path="/v1/secrets")
    assert second.json() == first.json()
    rows = await client.road.sql(f"SELECT body FROM {HEARER}.idempotency_key")
    assert [b"canary" in bytes(row[0]) for row in rows] == [False]


async def test_the_same_request_while_the_first_is_running_is_told_to_wait(client: Client) -> None:
    running = asyncio.create_task(client.say("slowly"))
    await asyncio.sleep(0.1)
    early = await client.say("slowly")
    assert (early.status_code, early.json()["code"]) == (409, "idempotency_key_in_use")
    assert early.headers["retry-after"] == "1"
    assert early.json()["retryable"] is True
    assert (await running).status_code == 202
    assert (await client.say("slowly")).json() == (await running).json()
    assert await client.road.effects() == ["slowly"]


async def test_a_key_is_held_while_the_outside_is_asked(client: Client) -> None:
    running = asyncio.create_task(client.say("slowly", path=OUTSIDE))
    await asyncio.sleep(0.1)
    early = await client.say("slowly", path=OUTSIDE)
    other = await client.say("quickly", path=OUTSIDE)
    assert (early.status_code, early.json()["code"]) == (409, "idempotency_key_in_use")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    again = await client.say("slowly", path=OUTSIDE) if (await running).is_success else early
    assert (again.status_code, again.json()) == (201, running.result().json())
    assert again.headers["idempotency-replayed"] == "true"
    assert await client.road.effects() == ["slowly"]


async def test_a_key_whose_request_failed_outside_is_free_for_the_next_try(client: Client) -> None:
    assert (await client.say("away", path=OUTSIDE)).status_code == 503
    assert (await client.say("away", path=OUTSIDE)).status_code == 201
    assert await client.road.effects() == ["away"]


async def test_a_key_whose_process_died_is_free_after_a_minute(client: Client) -> None:
    running = asyncio.create_task(client.say("slowly", path=OUTSIDE))
    await asyncio.sleep(0.1)
    for minutes, status in ((0, 409), (1, 201)):
        await client.road.sql(
            f"UPDATE {HEARER}.idempotency_key SET expires_at = expires_at - interval '{minutes} min'"
        )
        assert (await client.say("slowly", path=OUTSIDE)).status_code == status
    await running
    rows = await client.road.sql(f"SELECT status FROM {HEARER}.idempotency_key")
    assert [row[0] for row in rows] == [201]


async def test_what_must_not_be_done_twice_is_not_done_again_after_its_process_died(
    client: Client,
) -> None:
    running = asyncio.create_task(client.say("slowly", path=RISKED))

    async def is_done() -> bool:
        return await client.road.effects() == ["slowly"]

    await eventually(is_done, "it is done, and not answered")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    told = []
    for minutes in (0, 1, 60):
        await client.road.sql(
            f"UPDATE {HEARER}.idempotency_key SET expires_at = expires_at - interval '{minutes} min'"
        )
        answer = await client.say("slowly", path=RISKED)
        told.append((answer.status_code, answer.json()["code"]))
    assert told == [
        (409, "idempotency_key_in_use"),
        (409, "outcome_unknown"),
        (409, "outcome_unknown"),
    ]
    assert await client.road.effects() == ["slowly"]


async def test_without_a_clear_answer_the_outcome_stays_unknown_under_its_key(
    client: Client,
) -> None:
    for key, done in ((KEY, 1), (KEY, 1), (None, 2)):
        answer = await client.say("unclear", key, path=RISKED)
        assert (answer.status_code, answer.json()["code"]) == (409, "outcome_unknown")
        assert answer.json()["retryable"] is False
        assert len(await client.road.effects()) == done


async def test_what_was_clearly_refused_may_be_asked_again_and_what_was_done_is_replayed(
    client: Client,
) -> None:
    for _ in range(2):
        assert (await client.say("refused", path=RISKED)).status_code == 503
    first, again = [await client.say("done", "another-key", path=RISKED) for _ in range(2)]
    assert (first.json(), again.headers["idempotency-replayed"]) == (again.json(), "true")
    assert await client.road.effects() == ["done", "refused", "refused"]


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


async def test_many_at_once_have_one_effect_and_one_answer(client: Client) -> None:
    answers = await asyncio.gather(*(client.say("hello") for _ in range(6)))
    assert {answer.status_code for answer in answers} <= {202, 409}
    given = [answer.json()["at"] for answer in answers if answer.status_code == 202]
    assert len(set(given)) == 1
    assert (await client.say("hello")).json()["at"] == given[0]
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
