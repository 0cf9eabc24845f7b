"""Signature, strict JSON and the translation of webhooks, on the vectors of the protocol."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.douyin.domain.signature import is_signed, signature
from services.douyin.domain.strict_json import NotStrict, parse_object
from services.douyin.domain.webhooks import (
    AnsweredCard,
    Echoed,
    Entered,
    Followed,
    GroupJoined,
    Intake,
    PersonWrote,
    Reading,
    Received,
    age_refusal,
    interpret,
    messages,
    moment,
    read,
    storable,
)
from services.douyin.domain.webhooks.fields import Outer

EXAMPLES = Path("tests/contract/douyin/events.json")
VECTORS: dict[str, Any] = json.loads(Path("tests/contract/douyin/vectors.json").read_text("utf-8"))
KEY, SECRET = VECTORS["client_key"], VECTORS["client_secret"]
BY_NAME = {vector["name"]: vector for vector in VECTORS["vectors"]}
EVENTS: list[str] = sorted({e["body"]["event"] for e in json.loads(EXAMPLES.read_text("utf-8"))})
NOW = datetime(2023, 4, 18, 12, tzinfo=UTC)


def reading_of(name: str) -> Reading:
    return interpret(read(parse_object(BY_NAME[name]["body"].encode())), KEY)


def an_echo(**content: Any) -> Reading:
    fields = {
        "conversation_short_id": "@c==",
        "server_message_id": "@m==",
        "conversation_type": 1,
        "create_time": 1681799848725,
        "message_type": "text",
        "text": "hi",
        **content,
    }
    outer = {"event": "im_send_msg", "from_user_id": "biz", "to_user_id": "fan", "content": fields}
    return interpret(read(outer), KEY)


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda v: v["name"])
def test_every_vector_carries_its_signature(vector: dict[str, Any]) -> None:
    body = vector["body"].encode()
    assert len(body) == vector["bytes"]
    assert signature(SECRET, body) == vector["signature"]
    assert is_signed(body, vector["signature"].encode(), [b"another", SECRET.encode()])


@pytest.mark.parametrize("negative", VECTORS["negatives"], ids=lambda n: n["name"])
def test_every_negative_is_judged_as_the_file_says(negative: dict[str, Any]) -> None:
    body, given_ = negative["body"].encode(), negative["signature"].encode()
    assert is_signed(body, given_, [SECRET.encode()]) == negative["expect"]["signature_valid"]
    for key in ("valid_only_for_body",):
        if key in negative:
            assert is_signed(negative[key].encode(), given_, [SECRET.encode()])


def test_no_secret_signs_nothing() -> None:
    assert not is_signed(b"", b"", [])


@pytest.mark.parametrize("name", ["V2", "V3"])
def test_an_inbound_text_is_read(name: str) -> None:
    expected = BY_NAME[name]["expect"]["message"]
    fact = reading_of(name).fact
    assert fact == Received(
        message_id="@msg001==",
        conversation_id="@conv001==",
        fan=expected["from_open_id"],
        kind="text",
        text=expected["text"],
        at_ms=expected["create_time_ms"],
    )
    assert reading_of("V2") == reading_of("V3")


def test_an_enter_event_is_read_from_its_string() -> None:
    assert reading_of("V4").fact == Entered(
        "@msg002==", "@conv001==", "fan-open-id-0001", 1681800236901
    )


WHO = Outer("im_enter_direct_msg", "fan", "biz", "key", "biz")


@pytest.mark.parametrize(
    ("told", "item_id", "ad"),
    [
        ({"objectId": "@video001=="}, "@video001==", ()),
        ({"objectId": "", "ad_info": ""}, None, ()),
        (
            {"ad_info": '{"adv_id":170000,"ad_id":"23","ad_name":"x"}'},
            None,
            (("adv_id", "170000"), ("ad_id", "23")),
        ),
        ({"ad_info": {"creative_id": 5, "promotion_id": 0}}, None, (("creative_id", "5"),)),
        ({"ad_info": "{", "objectId": 7}, None, ()),
        ({"ad_info": "[1]"}, None, ()),
        ({"ad_info": {"ad_id": True, "adv_id": "x" * 300}}, None, ()),
        ({"ad_info": {"ad_id": 10**300}}, None, ()),
        ({"ad_info": "[" * 100_000}, None, ()),
    ],
)
def test_an_entry_names_the_video_or_the_ad_through_which_the_fan_came(
    told: dict[str, Any], item_id: str | None, ad: tuple[tuple[str, str], ...]
) -> None:
    content = {
        "server_message_id": "@m==",
        "conversation_short_id": "@c==",
        "create_time": 1681800236901,
    }
    fact = messages.entered(WHO, {**content, **told})
    assert isinstance(fact, Entered)
    assert (fact.item_id, fact.ad) == (item_id, ad)


def test_a_follow_counts_in_seconds() -> None:
    fact = reading_of("V5").fact
    assert isinstance(fact, Followed)
    assert moment(fact.at_ms) == datetime(2023, 6, 15, 6, 47, 23, tzinfo=UTC)
    assert reading_of("V5").message_id is None, "the hash of its body de-duplicates it"


def test_who_joined_a_group_is_named_outside() -> None:
    join = BY_NAME["V6"]["expect"]["join"]
    assert reading_of("V6").fact == GroupJoined(
        group_id=join["group_id"],
        open_id=join["joiner_open_id"],
        group_kind=join["create_group_type"],
        at_ms=join["create_time_ms"],
    )


def test_an_answered_lead_card_is_one_lead_with_a_masked_phone() -> None:
    fact, lead = reading_of("V7").fact, BY_NAME["V7"]["expect"]["lead"]
    assert isinstance(fact, Received)
    assert (fact.kind, fact.text) == ("retain_consult_card", None)
    assert fact.card == AnsweredCard(
        lead["card_id"],
        lead["card_status"],
        (("姓名", lead["name"]), ("手机号", lead["phone_masked"]), ("城市", lead["city"])),
    )


def test_the_source_tells_our_echo_from_a_person_and_from_another_app() -> None:
    assert isinstance(an_echo(source=KEY).fact, Echoed)
    assert isinstance(an_echo(source="").fact, PersonWrote)
    assert isinstance(an_echo().fact, PersonWrote)
    assert an_echo(source="aw_other").reason == "another_app"
    assert an_echo(source=KEY, conversation_type=2).reason == "group_message"


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_content_may_be_a_string_in_a_string(depth: int) -> None:
    content: Any = json.loads(BY_NAME["V2"]["body"])["content"]
    for _ in range(depth):
        content = json.dumps(content)
    outer = {**json.loads(BY_NAME["V2"]["body"]), "content": content}
    assert interpret(read(outer), KEY) == reading_of("V2")


@pytest.mark.parametrize("content", ["{", "[1]", 7, ["x"], '{"a":1,"a":2}', "nonsense"])
def test_content_that_cannot_be_read_goes_to_quarantine(content: Any) -> None:
    found = interpret(read({"event": "im_receive_msg", "content": content}), KEY)
    assert (found.state, found.fact) == (Intake.QUARANTINED, None)


@pytest.mark.parametrize(
    ("given_", "at_ms"),
    [
        (1681799848725, 1681799848725),
        ("1681799848725", 1681799848725),
        (1681799848, 1681799848000),
        (0, None),
        (-1, None),
        (True, None),
        (1.5, None),
        ("x", None),
        (10**30, None),
        (None, None),
    ],
    ids=repr,
)
def test_times_are_read_leniently(given_: Any, at_ms: int | None) -> None:
    assert an_echo(source=KEY, create_time=given_).at_ms == at_ms


def test_age_is_judged_between_seventy_two_hours_and_five_minutes() -> None:
    day = timedelta(hours=72)

    def verdict(delta: timedelta, max_age: timedelta | None = day) -> str | None:
        return age_refusal(int((NOW + delta).timestamp() * 1000), NOW, max_age)

    assert verdict(-day) is None
    assert verdict(-day - timedelta(seconds=1)) == "too_old"
    assert verdict(timedelta(minutes=5)) is None
    assert verdict(timedelta(minutes=5, seconds=1)) == "ahead_of_time"
    assert verdict(timedelta(days=-4000), None) is None
    assert verdict(timedelta(hours=1), None) == "ahead_of_time"
    assert age_refusal(None, NOW, day) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"1",
        b'"x"',
        b"[]",
        b"{}{}",
        b"{} x",
        b'{"a":1,"a":1}',
        b'{"a":[{"b":1,"b":2}]}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":"\xff"}',
        b'{"a":"\n"}',
        b'{"a":' * 65 + b"1" + b"}" * 65,
        b"[" * 100000,
        b'{"a":' + b"9" * 5000 + b"}",
        b"\xef\xbb\xbf{}",
        b"\xff\xfe{\x00}\x00",
        b"{'a':1}",
        b'{"a":1,}',
        b"null",
    ],
    ids=lambda body: repr(body[:30]),
)
def test_what_is_no_strict_object_is_refused(body: bytes) -> None:
    with pytest.raises(NotStrict):
        parse_object(body)


def test_sixty_four_levels_are_still_accepted() -> None:
    assert parse_object(b'{"a":' * 64 + b"1" + b"}" * 64)
    flat: dict[str, Any] = {"a": [[] for _ in range(500)]}
    assert parse_object(json.dumps(flat).encode()) == flat


@given(st.dictionaries(st.text(), st.recursive(st.integers() | st.text(), st.lists, max_leaves=9)))
def test_every_ordinary_object_comes_through_unchanged(found: dict[str, Any]) -> None:
    assert parse_object(json.dumps(found).encode()) == found


@given(st.text())
def test_a_storable_text_is_storable_and_only_then_changed(text: str) -> None:
    stored = storable(text)
    assert "\x00" not in stored
    assert stored.encode().decode() == stored
    if "\x00" not in text and not any("\ud800" <= c <= "\udfff" for c in text):
        assert stored == text


@given(st.from_type(dict) | st.dictionaries(st.text(max_size=5), st.integers() | st.text()))
def test_no_body_breaks_the_reader(body: dict[Any, Any]) -> None:
    for event in EVENTS:
        outer = {"event": event, "from_user_id": "f", "to_user_id": "t", "content": body}
        assert interpret(read(outer), KEY).state in set(Intake)
