"""From a contact that a fan leaves to a lead that is won: events in, API out."""

import asyncio
from datetime import timedelta
from typing import Any

import orjson
import pytest

from shared.contracts.envelope import Envelope
from shared.contracts.events.direct_messages import Attribution, LeadCaptured
from shared.contracts.events.open_platform import PolicyChanged
from tests.service.fans.conftest import ACC, FAN, ORG, STRANGER, FansWorld, at, heard

PHONE = "+8613800138000"
EMPTY = {"name": None, "phone": None, "masked_phone": None, "wechat": None, "city": None}


def by_ad(**ids: str) -> Attribution:
    """Through an ad, at the first hour."""
    return Attribution(source="ad", entered_at=at(0), item_id=None, ad=ids)


def a_contact(
    fans: FansWorld,
    hour: int = 0,
    fan: str = FAN,
    account: str = ACC,
    came: Attribution | None = None,
    **contact: Any,
) -> Envelope:
    """A fan left this."""
    plain = orjson.dumps({**EMPTY, "more": [], **contact}).decode()
    event = LeadCaptured(
        open_id=fan,
        conversation_id="cnv_1",
        message_id=f"dm_{hour}",
        source="text",
        card_id=None,
        contact=fans.world.resources.sealer.seal(ORG, plain, at(hour).date()),
        consent_version=3,
        captured_at=at(hour),
        attribution=came,
    )
    return heard(event, account=account)


async def leads(fans: FansWorld, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await fans.ok("GET", f"/v1/leads{query}"))["data"]
    return found


async def put(fans: FansWorld, lead: dict[str, Any], what: str, body: Any, **headers: str) -> Any:
    tag = headers or {"If-Match": f'"{lead["version"]}"'}
    path = f"/v1/leads/{lead['id']}/{what}"
    return await fans.world.http.put(path, json=body, headers=fans.world.caller(ORG) | tag)


async def test_a_contact_is_a_lead_masked_for_everybody_and_clear_for_some(fans: FansWorld) -> None:
    await fans.hear(a_contact(fans, name="张三😊", phone=PHONE, city="成都"))
    (lead,) = await leads(fans)
    assert (lead["stage"], lead["masked_phone"], lead["city"]) == ("new", "138****8000", "成都")
    assert (lead["touches"], lead["consent_version"]) == (1, 3)
    assert PHONE not in orjson.dumps(lead).decode()

    path = f"/v1/leads/{lead['id']}/contact"
    assert (await fans.ok("GET", path))["phone"] == PHONE
    blind = fans.world.caller(ORG, frozenset({"fans:read", "lead:manage"}))
    assert (await fans.world.http.get(path, headers=blind)).status_code == 403


async def test_a_number_stands_nowhere_in_the_clear(fans: FansWorld) -> None:
    await fans.hear(a_contact(fans, phone=PHONE, wechat="lao_wang88"))
    for table in ("lead", "lead_event", "inbox", "outbox"):
        rows = await fans.world.sql(f"SELECT t::text AS row FROM fans.{table} t")
        assert not [r for r in rows if "13800138000" in r["row"] or "lao_wang" in r["row"]]


async def test_one_number_is_one_lead_whoever_leaves_it_and_however_often(fans: FansWorld) -> None:
    policy = PolicyChanged(profile="seed_2021", policy_version=1, values={"lead.dedupe_days": 90})
    await fans.hear(heard(policy, account="acc_9"))
    first = a_contact(fans, phone=PHONE)
    await fans.hear(first, first)
    await fans.hear(first)
    await fans.hear(a_contact(fans, 1, fan="other", account="acc_9", phone=PHONE, name="李四"))
    (lead,) = await leads(fans)
    assert (lead["touches"], lead["account_id"]) == (2, ACC)
    history = (await fans.ok("GET", f"/v1/leads/{lead['id']}/history"))["data"]
    assert [(e["change"], e["account_id"]) for e in history] == [
        ("touched", "acc_9"),
        ("created", ACC),
    ]
    contact = await fans.ok("GET", f"/v1/leads/{lead['id']}/contact")
    assert (contact["phone"], contact["name"]) == (PHONE, "李四")


async def test_a_masked_number_joins_the_fan_and_never_another_person(fans: FansWorld) -> None:
    await fans.hear(a_contact(fans, masked_phone="138****8000"))
    await fans.hear(a_contact(fans, 1, fan="other", masked_phone="138****8000"))
    assert len(await leads(fans)) == 2
    await fans.hear(a_contact(fans, 2, phone=PHONE))
    mine = (await leads(fans, f"?open_id={FAN}"))[0]
    assert (mine["touches"], mine["masked_phone"]) == (2, "138****8000")
    assert (await fans.ok("GET", f"/v1/leads/{mine['id']}/contact"))["phone"] == PHONE


async def test_after_the_days_of_the_policy_it_is_another_lead(fans: FansWorld) -> None:
    policy = PolicyChanged(profile="seed_2021", policy_version=2, values={"lead.dedupe_days": 1})
    await fans.hear(heard(policy))
    await fans.hear(a_contact(fans, phone=PHONE), a_contact(fans, 24, phone=PHONE))
    assert [lead["touches"] for lead in await leads(fans)] == [2]
    await fans.hear(a_contact(fans, 49, phone=PHONE))
    assert [lead["touches"] for lead in await leads(fans)] == [1, 2]


async def test_many_workers_make_one_lead_of_one_number(fans: FansWorld) -> None:
    (part,) = fans.world.parts
    handle = part.worker.handlers[LeadCaptured.type]
    told = [a_contact(fans, hour, fan=f"f{hour % 3}", phone=PHONE) for hour in range(12)]
    await asyncio.gather(*(handle([one]) for one in told))
    (lead,) = await leads(fans)
    assert lead["touches"] == 12


async def test_a_lead_is_assigned_moves_on_and_a_new_touch_after_the_end_begins_anew(
    fans: FansWorld,
) -> None:
    await fans.hear(a_contact(fans, phone=PHONE))
    (lead,) = await leads(fans)
    owned = (await put(fans, lead, "assignee", {"assignee": "小李"})).json()
    assert (owned["stage"], owned["assignee"]) == ("assigned", "小李")
    assert (await put(fans, lead, "stage", {"stage": "won"})).status_code == 412
    assert (await put(fans, owned, "stage", {"stage": "won"}, none="x")).status_code == 428
    won = await put(fans, owned, "stage", {"stage": "won"})
    assert won.headers["ETag"] == f'"{won.json()["version"]}"'
    back = await put(fans, won.json(), "stage", {"stage": "contacted"})
    assert (back.status_code, back.json()["code"]) == (409, "lead_stage_refused")

    await fans.hear(a_contact(fans, 5, phone=PHONE))
    again, before = await leads(fans)
    assert (again["reopens"], again["stage"], before["stage"]) == (lead["id"], "new", "won")


@pytest.mark.parametrize(
    ("what", "body", "pointer"),
    [
        ("stage", {"stage": "lost"}, "#/reason"),
        ("stage", {"stage": "contacted", "reason": "x"}, "#/reason"),
        ("stage", {"stage": "sold"}, "#/stage"),
        ("stage", {"stage": "lost", "reason": "a\0b"}, "#/reason"),
        ("stage", {"stage": "won", "score": 1}, "#/score"),
        ("assignee", {"assignee": ""}, "#/assignee"),
        ("assignee", {}, "#/assignee"),
    ],
)
async def test_a_bad_change_is_refused_with_its_field(
    fans: FansWorld, what: str, body: Any, pointer: str
) -> None:
    await fans.hear(a_contact(fans, phone=PHONE))
    (lead,) = await leads(fans)
    answer = await put(fans, lead, what, body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    assert await leads(fans) == [lead]


async def test_another_organization_sees_no_lead(fans: FansWorld) -> None:
    await fans.hear(a_contact(fans, phone=PHONE))
    (lead,) = await leads(fans)
    for path in ("", "/contact", "/history"):
        answer = await fans.ask("GET", f"/v1/leads/{lead['id']}{path}", by=STRANGER)
        assert answer.status_code == 404
    assert (await fans.ask("GET", "/v1/leads", by=STRANGER)).json()["data"] == []


async def test_a_lead_that_its_assignee_leaves_for_a_day_goes_back_to_the_pool(
    fans: FansWorld,
) -> None:
    await fans.hear(a_contact(fans, phone=PHONE), a_contact(fans, 1, fan="b", wechat="abcdef1"))
    idle, busy = await leads(fans)
    await put(fans, idle, "assignee", {"assignee": "小李"})
    owned = (await put(fans, busy, "assignee", {"assignee": "小王"})).json()
    await put(fans, owned, "stage", {"stage": "contacted"})
    (part,) = fans.world.parts
    (tick,) = [t for t in part.worker.ticks if t.name == "fans.forgotten_leads"]
    await tick.run()
    assert {lead["assignee"] for lead in await leads(fans)} == {"小李", "小王"}
    await fans.world.advance(timedelta(hours=24, seconds=1))
    await tick.run()
    await tick.run()
    assert [lead["assignee"] for lead in await leads(fans)] == [None, "小王"]
    newest = (await fans.ok("GET", f"/v1/leads/{idle['id']}/history"))["data"][0]
    assert (newest["change"], newest["actor"], newest["assignee"]) == ("assignee", "clock", None)


async def test_a_lead_says_what_brought_it_and_each_touch_says_its_own(fans: FansWorld) -> None:
    first, second = by_ad(ad_id="17001", promotion_id="17002"), by_ad(ad_id="17009")
    begun = a_contact(fans, phone=PHONE, came=first)
    await fans.hear(begun, begun)
    await fans.hear(a_contact(fans, 1, phone=PHONE, came=second))
    (lead,) = await leads(fans)
    told = {"source": "ad", "entered_at": "2025-01-01T00:00:00.000Z", "item_id": None}
    ids = {"adv_id": None, "ad_id": "17001", "creative_id": None, "promotion_id": "17002"}
    assert lead["attribution"] == {**told, "ad": ids}
    assert await fans.ok("GET", f"/v1/leads/{lead['id']}") == lead
    owned = (await put(fans, lead, "assignee", {"assignee": "小李"})).json()
    assert owned["attribution"] == lead["attribution"]
    history = (await fans.ok("GET", f"/v1/leads/{lead['id']}/history"))["data"]
    brought = [e["attribution"] and e["attribution"]["ad"]["ad_id"] for e in history]
    assert brought == [None, "17009", "17001"]  # nobody was brought by being assigned


async def test_a_contact_of_a_release_that_kept_no_ads_is_a_lead_all_the_same(
    fans: FansWorld,
) -> None:
    old = a_contact(fans, phone=PHONE)
    del old.data["attribution"]
    await fans.hear(old)
    await fans.hear(a_contact(fans, 1, phone=PHONE, came=by_ad(ad_id="17001")))
    (lead,) = await leads(fans)
    assert (lead["touches"], lead["attribution"]) == (2, None)


async def test_the_leads_of_an_ad_are_found_by_its_ids(fans: FansWorld) -> None:
    ads = (by_ad(ad_id="1", promotion_id="7"), by_ad(ad_id="2", promotion_id="7"), None)
    for number, came in enumerate(ads):
        await fans.hear(a_contact(fans, number, f"f{number}", came=came, wechat=f"abcdef{number}"))
    for query, wanted in (("ad_id=1", ["f0"]), ("promotion_id=7", ["f1", "f0"]), ("ad_id=7", [])):
        assert [lead["open_id"] for lead in await leads(fans, f"?{query}")] == wanted
    page = await fans.ok("GET", "/v1/leads?promotion_id=7&limit=1")
    path = f"/v1/leads?promotion_id=7&limit=1&cursor={page['next_cursor']}"
    assert [lead["open_id"] for lead in (await fans.ok("GET", path))["data"]] == ["f0"]


async def test_leads_come_in_pages_and_by_filter(fans: FansWorld) -> None:
    await fans.hear(*(a_contact(fans, n, fan=f"f{n}", wechat=f"abcdef{n}") for n in range(5)))
    page = await fans.ok("GET", "/v1/leads?limit=2")
    rest = await fans.ok("GET", f"/v1/leads?limit=200&cursor={page['next_cursor']}")
    assert [lead["open_id"] for lead in page["data"] + rest["data"]] == [
        "f4",
        "f3",
        "f2",
        "f1",
        "f0",
    ]
    assert len(await leads(fans, "?stage=won")) == 0
    assert len(await leads(fans, f"?account_id={ACC}&stage=new")) == 5
