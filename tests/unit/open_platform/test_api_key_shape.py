"""The shape of API keys."""

import zlib

import pytest

from services.open_platform.domain.api_keys import (
    ALPHABET,
    KeyMode,
    checksum,
    digest,
    is_well_formed,
    spelled,
)

CHANCE = "0123456789ABCDEFGHIJabcdefghij"
KEY = spelled(KeyMode.LIVE, CHANCE)


def test_a_key_is_its_prefix_30_characters_of_chance_and_6_of_checksum() -> None:
    assert f"dyk_live_{CHANCE}{checksum(CHANCE)}" == KEY
    assert len(KEY) == len("dyk_live_") + 36
    assert spelled(KeyMode.TEST, CHANCE).startswith("dyk_test_")


@pytest.mark.parametrize(
    ("chance", "expected"),
    [
        ("0" * 30, "2C8GjS"),
        (CHANCE, "4Us3aw"),
    ],
)
def test_the_checksum_is_the_crc32_in_base62(chance: str, expected: str) -> None:
    number = 0
    for character in checksum(chance):
        number = number * 62 + ALPHABET.index(character)
    assert number == zlib.crc32(chance.encode())
    assert checksum(chance) == expected


def test_a_key_that_we_made_is_well_formed() -> None:
    assert is_well_formed(KEY)
    assert is_well_formed(spelled(KeyMode.TEST, CHANCE))


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "dyk_live_",
        KEY[:-1],
        KEY + "0",
        KEY[:-1] + ("a" if KEY[-1] != "a" else "b"),
        KEY.replace("0123", "0132"),
        KEY.replace("dyk_live_", "dyk_dead_"),
        KEY.replace("dyk_live_", "dyk_test_")[:-2] + "zz",
        KEY.replace("A", "Ａ"),
        " " + KEY,
        KEY + "\n",
        "dyk_live_" + "é" * 36,
    ],
)
def test_a_lookalike_is_told_apart_without_asking_anybody(broken: str) -> None:
    assert not is_well_formed(broken)


def test_what_is_stored_depends_on_the_pepper() -> None:
    assert digest(b"one", KEY) == digest(b"one", KEY)
    assert digest(b"one", KEY) != digest(b"two", KEY)
    assert KEY.encode() not in digest(b"one", KEY)
