"""How contacts are found in what fans write and fill in."""

import pytest

from services.direct_messages.domain.leads import Contact, Source, contact_of


def found(text: str) -> Contact:
    contact = contact_of(text, None)
    assert contact is not None, text
    assert contact.source is Source.TEXT
    return contact


@pytest.mark.parametrize(
    "text",
    [
        "13800138000",
        "我的电话是13800138000，晚上打",
        "138 0013 8000",
        "138-0013-8000😊",
        "+86 13800138000",
        "008613800138000",
        "１３８００１３８０００",
        "138\u200b0013\u200b8000",
        "一3800138000不对，13800138000",
    ],
)
def test_a_mobile_number_is_found_however_it_is_written(text: str) -> None:
    assert found(text).phone == "+8613800138000"


@pytest.mark.parametrize(
    "text",
    [
        "多少钱",
        "订单号2013800138000123",
        "10086",
        "12800138000",
        "138****8000",
        "微信多少",
        "加个微信吧",
        "wx: ab1",
        "https://example.com/wxabcdefgh",
        "1380013800",
        "2026-11-25 13:80",
        "",
        "\x00",
    ],
)
def test_what_is_no_contact_is_none(text: str) -> None:
    assert contact_of(text, None) is None


@pytest.mark.parametrize(
    ("text", "wechat"),
    [
        ("微信号：lao_wang-88", "lao_wang-88"),
        ("加V: abc_12345 谢谢", "abc_12345"),
        ("vx是Lao_Wang88", "Lao_Wang88"),
        ("ｖｘ：ａｂｃｄｅｆ１", "abcdef1"),
        ("微信同号13912345678", "13912345678"),
        ("我微信就是手机号 15912345678", "15912345678"),
        ("电话13812345678 微信abcdef99", "abcdef99"),
    ],
)
def test_a_wechat_id_is_found(text: str, wechat: str) -> None:
    assert found(text).wechat == wechat


def test_the_city_is_told_only_with_a_contact() -> None:
    assert found("我在呼和浩特，13800138000").city == "呼和浩特"
    assert contact_of("我在呼和浩特", None) is None


def card(*answers: tuple[str, str]) -> dict[str, object]:
    return {"card_id": "c", "answers": [{"label": n, "value": v} for n, v in answers]}


def test_a_filled_card_is_a_contact_and_a_masked_number_is_no_number() -> None:
    """V7: the platform masks the number; it must never count as one that can be called."""
    left = contact_of(None, card(("姓名", "张三"), ("手机号", "138****8000"), ("城市", "北京市")))
    assert left == Contact(Source.LEAD_CARD, name="张三", masked_phone="138****8000", city="北京市")


def test_what_else_a_card_asks_is_kept_and_empty_answers_are_none() -> None:
    left = contact_of(None, card(("手机号", "13800138000"), ("预算", "20万"), ("城市", " ")))
    assert left is not None
    assert (left.phone, left.city, left.more) == ("+8613800138000", None, (("预算", "20万"),))
    assert contact_of(None, card(("姓名", ""), ("手机号", " "))) is None


def test_a_shared_video_is_no_contact() -> None:
    assert contact_of(None, {"item_id": "@v"}) is None
