"""Input that the platform refuses: one clear class each, sent once, and nothing else touched by it."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from shared.contracts.events.direct_messages import SendItem
from tests.service.douyin.conftest import KEY, OPEN_ID, ORGANIZATION
from tests.service.douyin.wired import ACCESS, QUESTIONS, REFRESH, Wired, wired

__all__ = ["wired"]  # the fixture

OTHER, OTHER_SECRET, OTHER_OPEN_ID = "awother", "0" * 32, "biz-open-id-other"
LIST_CARDS = QUESTIONS["list cards"]
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x03\0\0\0\x02" + bytes(40)


async def at_the_platform(wired: Wired, path: str, token: str, body: Any) -> dict[str, Any]:
    """What another app asks the platform; its answer."""
    headers = {"access-token": token}
    how = {"data": body} if isinstance(body, bytes) else {"json": body}
    if isinstance(body, bytes):
        headers["Content-Type"] = "multipart/form-data; boundary=x"
    async with wired.simulator.http.post(
        f"{wired.simulator.url}{path}", headers=headers, **how
    ) as said:
        found: dict[str, Any] = await said.json()
        return found


@pytest.fixture
async def foreign(wired: Wired) -> dict[str, str]:
    """Another app with an account, an image and a card."""
    app = {"client_key": OTHER, "client_secret": OTHER_SECRET}
    await wired.simulator.call("/_simulator/apps", app)
    account = {"open_id": OTHER_OPEN_ID, "client_key": OTHER}
    await wired.simulator.call("/_simulator/accounts", account)
    code = await wired.simulator.call("/_simulator/codes", {"open_id": OTHER_OPEN_ID})
    bought = {**app, "code": code["code"], "grant_type": "authorization_code"}
    tokens = (await at_the_platform(wired, "/oauth/access_token/", "", bought))["data"]
    wanted = {**app, "grant_type": "client_credential"}
    client = (await at_the_platform(wired, "/oauth/client_token/", "", wanted))["data"]
    head = b'--x\r\nContent-Disposition: form-data; name="image"; filename="i"\r\n\r\n'
    form = head + PNG + b"\r\n--x--\r\n"
    path = "/tool/imagex/client_upload/"
    image = (await at_the_platform(wired, path, client["access_token"], form))["image_id"]
    card = {"title": "theirs", "media_id": image, "components": [1]}
    path = f"/im/save/retain_consult_card/?open_id={OTHER_OPEN_ID}"
    saved = await at_the_platform(wired, path, tokens["access_token"], card)
    return {
        "image": image,
        "card": saved["card_id"],
        "token": tokens["access_token"],
        "refresh": tokens["refresh_token"],
    }


async def send(wired: Wired, operation: str, kind: Any, wording: str) -> tuple[str, str | None]:
    """Answer a message of the fan with one item: state and reason of the attempt."""
    sealer, now = wired.world.resources.sealer, await wired.world.now()
    item = SendItem(kind=kind, text=sealer.seal(ORGANIZATION, wording, now.date()))
    await wired.answers(operation, items=[item])
    return (await wired.outcomes())[operation]


CONTENTS = {
    "a text of a thousand and one": ("text", "长" * 1001, "content_refused"),
    "a link that leads away": ("text", "看 https://example.com/x", "content_refused"),
    "an image of another app": ("image", {"image_id": "<image>"}, "illegal_parameter"),
    "an image of nobody": ("image", {"image_id": "@nobody=="}, "illegal_parameter"),
    "a card of another app": ("lead_card", {"card_id": "<card>"}, "illegal_parameter"),
    "a video of nobody": ("video", {"item_id": "@nobody=="}, "illegal_parameter"),
    "a group of nobody": ("group_invitation", {"group_id": "@nobody=="}, "illegal_parameter"),
    "a title that is too long": (
        "question_card",
        {"title": "长" * 31, "questions": ["价格"]},
        "illegal_parameter",
    ),
}


async def test_what_may_not_be_said_fails_at_once_for_its_reason(
    wired: Wired, foreign: dict[str, str]
) -> None:
    for name, (kind, fields, reason) in CONTENTS.items():
        wording = fields if isinstance(fields, str) else json.dumps(fields)
        for what, theirs in foreign.items():
            wording = wording.replace(f"<{what}>", theirs)
        refusals = await refused(wired)
        assert await send(wired, name, kind, wording) == ("failed", reason), name
        assert await refused(wired) == refusals + 1, "it was sent once"
    assert await wired.sent() == []
    assert await send(wired, "a word", "text", "好") == ("sent", None)


async def refused(wired: Wired) -> int:
    """How many calls the platform has refused."""
    return int((await wired.simulator.stats())["refused"])


async def test_a_card_is_not_made_of_an_image_of_another_app(
    wired: Wired, foreign: dict[str, str]
) -> None:
    card = {"title": "ours", "image_id": foreign["image"], "components": ["name"]}
    assert await wired.ask("POST", "cards", card) == ("douyin.refused", "illegal_parameter")
    assert await wired.world.sql("SELECT 1 FROM douyin.lead_card") == []


async def test_a_token_of_another_account_is_our_mistake_and_stops_nothing(
    wired: Wired, foreign: dict[str, str]
) -> None:
    await wired.connector.bind(access_token=foreign["token"], refresh_token=REFRESH)
    wired.forget()
    assert await send(wired, "op_1", "text", "一") == ("failed", "token_mismatch")
    assert await LIST_CARDS.ask(wired) == ("douyin.refused", "token_mismatch")
    assert await refused(wired) == 2
    assert (await wired.connector.binding())["state"] == "active"

    await wired.connector.bind(access_token=ACCESS, refresh_token=REFRESH)
    wired.forget()
    assert await send(wired, "op_2", "text", "二") == ("sent", None)
    assert await wired.sent() == ["二"]


async def test_a_refresh_token_of_another_app_asks_the_owner_once(
    wired: Wired, foreign: dict[str, str]
) -> None:
    await wired.connector.bind(access_token="act.dead", refresh_token=foreign["refresh"])
    assert (await LIST_CARDS.ask(wired))[1] == "token_refused"
    for _ in range(2):
        await wired.connector.asking.tokens.refresh_due()
    assert (await wired.connector.binding())["authorisation_needed"]["reason"] in {
        "refresh_token_expired",
        "token_refused",
    }
    told = [e["type"] for e in await wired.connector.events()]
    assert told.count("douyin.authorisation_needed") == 1


async def ended(wired: Wired) -> None:
    """The platform ends the token: it is not valid."""
    await wired.simulator.call("/_simulator/tokens/end", {"open_id": OPEN_ID})


async def expired(wired: Wired) -> None:
    """The token ends sooner than anybody told us."""
    await wired.simulator.call("/_simulator/manners", {"access_token_life_s": 60})
    await wired.world.sql("UPDATE douyin.binding SET refused_version = token_version")
    await wired.connector.asking.tokens.refresh_due()
    await wired.world.sql("UPDATE douyin.binding SET access_token_expires_at = NULL")
    await wired.simulator.call("/_simulator/manners", {"access_token_life_s": 86400 * 15})
    await wired.simulator.advance(61_000)


@pytest.mark.parametrize(("end", "code"), [(ended, 28001003), (expired, 28001008)])
async def test_with_a_token_that_is_over_nothing_is_lost_and_nothing_sent_twice(
    wired: Wired, end: Callable[[Wired], Awaitable[None]], code: int
) -> None:
    await end(wired)
    wired.forget()
    async with wired.ringing():
        await wired.answers("op_1")
    assert await wired.connector.states() == ["sent"]
    assert await wired.sent() == ["op_1"]
    by_code = (await wired.simulator.stats())["refused_by_code"]
    assert by_code[str(code)] == 1, "and with the next token it was accepted"
    wired.forget()
    assert await LIST_CARDS.ask(wired) == ("done", None)


async def test_scopes_that_the_owner_took_back_end_what_needs_them(wired: Wired) -> None:
    taken = {"open_id": OPEN_ID, "notify": False}
    path = "/_simulator/authorisations/withdraw"
    await wired.simulator.call(path, {**taken, "scopes": ["im.message_card"]})
    for _ in range(2):
        assert await LIST_CARDS.ask(wired) == ("douyin.not_authorised", "not_authorised")
    assert await send(wired, "op_1", "text", "一") == ("sent", None), "that is another scope"

    await wired.simulator.call(path, {**taken, "scopes": ["im.direct_message"]})
    assert await send(wired, "op_2", "text", "二") == ("failed", "not_authorised")
    assert (await wired.connector.binding())["state"] == "revoked"
    wired.forget()
    before = await refused(wired)
    assert await send(wired, "op_3", "text", "三") == ("failed", "not_authorised")
    assert (await LIST_CARDS.ask(wired))[0] == "douyin.not_authorised"
    assert await refused(wired) == before, "the platform is not asked any more"
    assert await wired.sent() == ["一"]


async def test_an_app_whose_secret_is_wrong_is_told_so(wired: Wired) -> None:
    app = {"client_key": KEY, "client_secret": "1" * 32}
    await wired.simulator.call("/_simulator/apps", app)
    upload = QUESTIONS["upload an image"]
    assert await upload.ask(wired) == ("douyin.refused", "wrong_client_secret")
