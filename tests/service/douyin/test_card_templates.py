"""Templates of mini-program cards: made, changed and deleted at the simulator, and at a platform that is odd."""

from typing import Any

import httpx2
import pytest

from tests.service.douyin.conftest import ACCOUNT, KEY, ORGANIZATION, Connector
from tests.service.douyin.wired import Wired, a_template, wired
from tests.support.world import ALL_SCOPES

__all__ = ["wired"]  # the fixture

SET, GET, DELETE = (f"/api/douyin/v1/im/{one}_applet_template/" for one in ("set", "get", "del"))
OK = {"error_code": 0, "description": ""}
KNOWN = {
    "card_template_id": "@tpl+/==",
    "card_type": 1,
    "title": "到店",
    "content": "预约",
    "media_id": "@img==",
    "app_id": "tt1",
    "status": 1,
    "reject_reasons": [],
    "create_time": 1681799848,
    "update_time": 1681799848,
}
LOOKS = {"title": "到店", "content": "预约", "image_id": "@img==", "app_id": "tt1"}
OURS = "card-templates/tpl_QHRwbCsvPT0"


def e1(**payload: Any) -> dict[str, Any]:
    return {"data": {**OK, **payload}, "extra": {**OK, "logid": "log-1"}}


def refused(code: int) -> dict[str, Any]:
    return {"err_no": code, "err_msg": "no", "log_id": "log-9"}


async def call(
    connector: Connector, verb: str, path: str, body: Any = None, **headers: Any
) -> httpx2.Response:
    organization, scopes = headers.pop("by", ORGANIZATION), headers.pop("scopes", ALL_SCOPES)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await connector.world.http.request(
        verb,
        f"/v1/accounts/{ACCOUNT}/{path}",
        json=body,
        headers=connector.world.caller(organization, scopes) | named,
    )


def looks_of(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name != "card_type"}


async def test_a_template_is_made_reviewed_changed_and_deleted(wired: Wired) -> None:
    made = await wired.call("POST", "card-templates", a_template(1))
    assert made.status_code == 201, made.text
    shown, tag = made.json(), made.headers["etag"]
    assert looks_of(a_template(1)).items() <= shown.items()
    assert (shown["card_type"], shown["reject_reasons"]) == (1, [])
    assert made.headers["location"] == f"/v1/accounts/{ACCOUNT}/card-templates/{shown['id']}"
    verdict = {"id": shown["card_template_id"], "status": "rejected", "reason": "图片不清晰"}
    await wired.simulator.call("/_simulator/reviews", verdict)
    place = f"card-templates/{shown['id']}"
    judged = await wired.call("GET", place)
    assert judged.json()["reject_reasons"] == ["图片不清晰"]
    assert judged.headers["etag"] == tag, "a review changes nothing that a caller may change"

    changed = await wired.call("PUT", place, looks_of(a_template(2)), **{"If-Match": tag})
    assert changed.status_code == 200, changed.text
    assert (changed.json()["id"], changed.json()["title"]) == (shown["id"], "到店 2")
    late = await wired.call("PUT", place, looks_of(a_template(3)), **{"If-Match": tag})
    assert late.status_code == 412
    assert (await wired.call("DELETE", place)).status_code == 428
    assert (await wired.call("DELETE", place, **{"If-Match": tag})).status_code == 412
    now = {"If-Match": changed.headers["etag"]}
    assert (await wired.call("DELETE", place, **now)).status_code == 204
    assert (await wired.call("GET", place)).status_code == 404
    assert (await wired.call("DELETE", place, **now)).status_code == 404


async def test_the_same_looks_are_one_template_whatever_became_of_the_answer(wired: Wired) -> None:
    await wired.fails(SET, "accepted_then_reset")
    lost = await wired.call("POST", "card-templates", a_template(1))
    assert (lost.status_code, lost.json()["retryable"]) == (503, True)
    first = await wired.call("POST", "card-templates", a_template(1))
    again = await wired.call("POST", "card-templates", a_template(1))
    assert first.json()["id"] == again.json()["id"]
    assert len((await wired.call("GET", "card-templates")).json()["data"]) == 1


async def test_they_are_listed_page_by_page(wired: Wired) -> None:
    made = [await wired.call("POST", "card-templates", a_template(n)) for n in range(5)]
    url: str | None = f"/v1/accounts/{ACCOUNT}/card-templates?limit=2"
    seen: list[str] = []
    while url:
        answer = await wired.world.http.get(url, headers=wired.world.caller(ORGANIZATION))
        seen += [one["id"] for one in answer.json()["data"]]
        link = answer.headers.get("link")
        url = link and link.split(">")[0].removeprefix("<")
    assert seen == [one.json()["id"] for one in made]


async def test_under_one_key_douyin_is_asked_once(quiet: Connector) -> None:
    quiet.platform.will(SET, e1(card_template_id="@tpl+/=="))
    quiet.platform.will(GET, e1(list=[KNOWN], has_more=False))
    body = {**LOOKS, "card_type": 1}
    first = await call(quiet, "POST", "card-templates", body, idempotency_key="one-key-1")
    again = await call(quiet, "POST", "card-templates", body, idempotency_key="one-key-1")
    assert (first.status_code, again.status_code) == (201, 201), first.text
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert [one.path for one in quiet.platform.asked] == [SET, GET]
    assert quiet.platform.asked[0].token == "clt.1"
    assert quiet.platform.asked[0].fields == {
        "title": "到店",
        "content": "预约",
        "media_id": "@img==",
        "app_id": "tt1",
        "card_type": 1,
    }
    assert quiet.platform.asked[0].query == {}, "no account: templates are the app's"


async def test_a_change_keeps_the_type_and_names_the_template(quiet: Connector) -> None:
    quiet.platform.will(GET, e1(list=[KNOWN]))
    quiet.platform.will(SET, e1())
    tag = (await call(quiet, "GET", OURS)).headers["etag"]
    done = await call(quiet, "PUT", OURS, {**LOOKS, "title": "x"}, if_match=tag)
    assert done.status_code == 200, done.text
    (saved,) = [one.fields for one in quiet.platform.asked if one.path == SET]
    assert (saved["card_template_id"], saved["card_type"]) == ("@tpl+/==", 1)
    changed = await call(quiet, "PUT", OURS, {**LOOKS, "card_type": 2}, if_match=tag)
    assert changed.status_code == 422, "the type of a template stays"


async def test_who_deletes_what_somebody_deleted_meanwhile_is_done(quiet: Connector) -> None:
    quiet.platform.will(GET, e1(list=[KNOWN]), e1(list=[]))
    quiet.platform.will(DELETE, refused(28001007))
    assert (await call(quiet, "DELETE", OURS, if_match="*")).status_code == 204
    (asked,) = [one for one in quiet.platform.asked if one.path == DELETE]
    assert asked.query == {"card_template_id": "@tpl+/=="}


async def test_what_douyin_does_not_delete_is_told(quiet: Connector) -> None:
    quiet.platform.will(GET, e1(list=[KNOWN]))
    quiet.platform.will(DELETE, refused(28001007))
    got = await call(quiet, "DELETE", OURS, if_match="*")
    assert (got.status_code, got.json()["code"]) == (409, "douyin.refused")


@pytest.mark.parametrize(
    ("saved", "found", "reason"),
    [
        (e1(), e1(list=[KNOWN]), "no_template_id"),
        (e1(card_template_id=7), e1(list=[KNOWN]), "no_template_id"),
        (e1(card_template_id="@tpl+/=="), e1(list=[]), "not_listed"),
        (e1(card_template_id="@tpl+/=="), e1(list=[{"title": "x"}, None]), "not_listed"),
        (e1(card_template_id="@tpl+/=="), e1(), "no_list"),
    ],
    ids=["no id", "a number", "not there", "odd rows", "no list"],
)
async def test_a_template_that_cannot_be_named_is_asked_for_again(
    quiet: Connector, saved: Any, found: Any, reason: str
) -> None:
    quiet.platform.will(SET, saved)
    quiet.platform.will(GET, found)
    got = await call(quiet, "POST", "card-templates", {**LOOKS, "card_type": 1})
    assert (got.status_code, got.json()["reason"]) == (503, reason), got.text


@pytest.mark.parametrize("odd", ["x", "tpl_", "tpl_***", "tpl_gICA", "card_1"])
async def test_an_id_that_is_none_is_not_found(quiet: Connector, odd: str) -> None:
    quiet.platform.will(GET, e1(list=[]))
    assert (await call(quiet, "GET", f"card-templates/{odd}")).status_code == 404


async def test_others_may_not(quiet: Connector) -> None:
    quiet.platform.will(GET, e1(list=[KNOWN]))
    body = {**LOOKS, "card_type": 1}
    assert (await call(quiet, "GET", OURS, by="org_2")).status_code == 404
    assert (await call(quiet, "POST", "card-templates", body, by="org_2")).status_code == 404
    reader = frozenset({"dm:read"})
    assert (await call(quiet, "POST", "card-templates", body, scopes=reader)).status_code == 403
    assert (await call(quiet, "DELETE", OURS, scopes=reader, if_match="*")).status_code == 403
    assert quiet.platform.asked == []
    assert KEY not in (await call(quiet, "GET", OURS, scopes=reader)).text
