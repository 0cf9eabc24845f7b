"""What the platform says of followers, read leniently."""

import pytest

from services.douyin.domain.followers import MOST_PARTS, Share, followers_in, portrait_in


@pytest.mark.parametrize(
    ("gender", "read"), [(1, "male"), ("2", "female"), (0, None), ("x", None), (None, None)]
)
def test_a_gender_is_a_word_or_not_known(gender: object, read: str | None) -> None:
    (found,) = followers_in({"list": [{"open_id": "a", "gender": gender}]})
    assert found.gender == read


@pytest.mark.parametrize(
    "row", [None, 7, {}, {"open_id": ""}, {"open_id": 7}, {"open_id": "x" * 201}]
)
def test_who_has_no_id_is_nobody(row: object) -> None:
    assert followers_in({"list": [row]}) == []


def test_what_cannot_be_stored_is_replaced() -> None:
    (found,) = followers_in(
        {"list": [{"open_id": "a", "nickname": "a\x00\ud800", "city": "x" * 1001}]}
    )
    assert (found.nickname, found.city) == ("a\ufffd?", None)


def test_shares_of_one_portrait_have_one_separator_and_an_end() -> None:
    parts = [{"item": str(n), "value": n} for n in range(MOST_PARTS + 1)]
    found = portrait_in(
        {
            "fans_data": {
                "all_fans_num": "3000000000",
                "age_distributions": [{"item": "12~17", "value": 3_000_000_000}],
                "gender_distributions": [{"item": "1", "value": 2}, {"item": "9", "value": 1}],
                "geographical_distributions": parts,
            }
        }
    )
    assert found is not None
    assert found.fans == 3_000_000_000
    assert found.ages == [Share("12-17", 3_000_000_000)]
    assert found.genders == [Share("male", 2), Share("9", 1)]
    assert len(found.regions) == MOST_PARTS
