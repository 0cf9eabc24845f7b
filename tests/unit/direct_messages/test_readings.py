"""Texts as rules look at them: what fans write differently and mean the same."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.direct_messages.domain.matching import compile_rules
from services.direct_messages.domain.texts import Form, normalise, reading
from tests.unit.direct_messages.cases import compiled, contains, exact, pattern

SAME = [
    ("多少钱", "多 少 钱"),
    ("多少钱", "多-少、钱？？"),
    ("多少钱", "多\u200b少\u200b钱~"),
    ("多少钱", "多少錢"),
    ("发货", "發貨！"),
    ("优惠券", "【優惠券】"),
    ("vip会员", "ＶＩＰ 會員"),
    ("m码", "M 码"),
    ("size m", "Size  M。"),
    ("1.5 kg", "１.５ KG"),
]
DIFFERENT = [("sit", "is it"), ("105", "10.5"), ("50", "50%"), ("多少钱", "多少")]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_what_means_the_same_reads_the_same(one: str, other: str) -> None:
    assert reading(one, Form.CHINESE).words == reading(other, Form.CHINESE).words


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_what_means_something_else_reads_differently(one: str, other: str) -> None:
    assert reading(one, Form.CHINESE).words != reading(other, Form.CHINESE).words


def found(text: str, *rules: object) -> list[str]:
    return [c.rule.id for c in compiled(*rules).matches(text)]  # type: ignore[arg-type]  # rules


def test_emoji_around_exact_words_are_nothing_and_a_keyword_of_their_own() -> None:
    rules = exact("hello", "在吗"), exact("thumb", "👍"), contains("rose", "🌹")
    assert found("在吗😊😊", *rules) == ["hello"]
    assert found("👍", *rules) == ["thumb"]
    assert found("送你🌹哦", *rules) == ["rose"]
    assert found("😊在", *rules) == []


def test_a_keyword_of_nothing_but_marks_is_looked_for_in_what_was_said() -> None:
    rules = contains("question", "?"), exact("asks", "？？"), contains("price", "钱")
    assert found("多少钱？", *rules) == ["price", "question"]
    assert found("??", *rules) == ["asks", "question"]
    assert found("好的", *rules) == []


def test_a_pattern_sees_spaces_and_is_asked_in_simplified_characters() -> None:
    rules = pattern("phone", r"\d{3} \d{4}"), pattern("order", r"訂單\d+")
    assert found("打我 138 0000", *rules) == ["phone"]
    assert found("订单12", *rules) == ["order"]
    assert found("訂單12", *rules) == ["order"]


def test_rules_of_before_are_read_as_they_were() -> None:
    rule = contains("price", "多少钱")
    assert not compile_rules(1, [rule], Form.PLAIN).matches("多 少 钱")
    assert compile_rules(1, [rule], Form.PLAIN).matches("这个多少钱？")


@given(st.text(max_size=30), st.text(max_size=10), st.text(max_size=10))
def test_a_keyword_is_found_wherever_it_was_said_among_chinese(
    keyword: str, before: str, after: str
) -> None:
    assume(normalise(keyword))  # a blank one is refused
    rule = contains("rule", keyword)
    assert compiled(rule).matches(f"{before}中{keyword}中{after}")


@given(st.text(max_size=40))
def test_reading_twice_changes_nothing_more(text: str) -> None:
    once = reading(text, Form.CHINESE)
    assert reading(once.words, Form.CHINESE).words == once.words
