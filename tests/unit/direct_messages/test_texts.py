"""Texts are compared as people mean them and stored whatever they hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.direct_messages.domain.texts import clean, has_external_link, normalise


@pytest.mark.parametrize(
    ("text", "same_as"),
    [
        ("ＡＢＣ１２３", "abc123"),
        ("  Price ", "price"),
        ("多少钱？", "多少钱?"),
        ("\u3000优惠\u3000", "优惠"),
        ("STRASSE", "straße"),
        ("①", "1"),
        ("ﬁt", "FIT"),
    ],
)
def test_texts_that_mean_the_same_are_the_same(text: str, same_as: str) -> None:
    assert normalise(text) == normalise(same_as)


@given(st.text())
def test_normalising_twice_changes_nothing_more(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@given(st.text(st.characters(codec=None)))
def test_every_text_can_be_stored(text: str) -> None:
    stored = clean(text)
    assert "\x00" not in stored
    assert stored.encode().decode() == stored


def test_a_pair_of_surrogates_is_the_character_that_it_means() -> None:
    assert clean("\ud83d\ude00") == "😀"
    assert clean("a\ud800b") == "a\ufffdb"


@pytest.mark.parametrize(
    ("text", "is_external"),
    [
        ("看这里 https://shop.example.com/x", True),
        ("HTTP://EXAMPLE.COM", True),
        ("www.example.cn", True),
        ("https://douyin.com.evil.example/", True),
        ("https://notdouyin.com/", True),
        ("https://v.douyin.com/abc/", False),
        ("https://www.iesdouyin.com/x", False),
        ("一共 99.5 元", False),
        ("加 www 吗", False),
        ("ｈｔｔｐ：／／ｅｖｉｌ．ｅｘａｍｐｌｅ", True),
        ("ＷＷＷ。ｅｖｉｌ。ｃｎ", True),
        ("加我evil.com下单", True),
        ("t.cn/abc", True),
        ("e\u200bvil.c\u200bom", True),
        ("v.douyin.com 和 evil.cn", True),
        ("douyin.com evil.cn", True),
        ("http://douyin.com@evil.example/", True),
        ("weixin://dl/chat", True),
        ("v.douyin.com/abc", False),
        ("版本 v2.0，满 3.5 元", False),
        ("发到 a@b.com", False),
        ("好的。me too", False),
    ],
)
def test_links_that_lead_away_are_seen(text: str, is_external: bool) -> None:
    assert has_external_link(text) is is_external
