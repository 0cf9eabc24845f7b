"""A sealed text opens for its own owner, on its own day, under its own key, and for nobody else."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.sealing import SealBroken, Sealer

MASTER, OTHER_MASTER = b"m" * 32, b"o" * 32
DAY, NEXT_DAY = date(2024, 2, 10), date(2024, 2, 11)
TEXT = "你好，多少钱 +86 138 0013 8000"
SEALED = Sealer(MASTER).seal("org_1", TEXT, DAY)
AT_REST = Sealer(MASTER).seal_secret("org_1|app|key_1|secret", TEXT)


@given(st.text(), st.text(min_size=1), st.dates())
def test_what_was_sealed_opens_again(text: str, owner: str, day: date) -> None:
    sealer = Sealer(MASTER)
    assert sealer.open(owner, sealer.seal(owner, text, day)) == text
    assert sealer.open(owner, sealer.seal_secret(owner, text)) == text


def test_a_sealed_text_shows_nothing_of_itself() -> None:
    assert "138" not in SEALED
    again = Sealer(MASTER).seal("org_1", TEXT, DAY)
    assert again != SEALED, "nor that two texts are the same"


@pytest.mark.parametrize(
    ("sealer", "owner", "sealed"),
    [
        (Sealer(OTHER_MASTER), "org_1", SEALED),
        (Sealer(MASTER), "org_2", SEALED),
        (Sealer(MASTER), "", SEALED),
        (Sealer(MASTER), "org_1", SEALED.replace(DAY.isoformat(), NEXT_DAY.isoformat())),
        (Sealer(MASTER), "org_1", SEALED.replace(DAY.isoformat(), "at-rest")),
        (Sealer(MASTER), "org_1|app|key_2|secret", AT_REST),
        (Sealer(MASTER), "org_1", AT_REST),
    ],
    ids=["master key", "owner", "no owner", "day", "purpose", "moved secret", "another's secret"],
)
def test_it_opens_for_nobody_else(sealer: Sealer, owner: str, sealed: str) -> None:
    with pytest.raises(SealBroken):
        sealer.open(owner, sealed)


BROKEN = {
    "nothing": "",
    "plain": TEXT,
    "a version": "s1",
    "no body": "s1.2024-02-10",
    "an empty body": "s1.2024-02-10.",
    "another version": "s2" + SEALED[2:],
    "cut": SEALED[:-8],
    "short": "s1.2024-02-10.AAAA",
    "one letter": "s1.2024-02-10.A",
    "chinese": "s1.2024-02-10.你好",
    "no letters": "s1.2024-02-10.!!!!",
}


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_no_sealed_text_is_broken_and_nothing_else(kind: str) -> None:
    with pytest.raises(SealBroken):
        Sealer(MASTER).open("org_1", BROKEN[kind])


def test_every_changed_character_breaks_the_seal() -> None:
    body = SEALED.rindex(".") + 1
    for place in range(body, len(SEALED.rstrip("=")) - 1):
        changed = "B" if SEALED[place] == "A" else "A"
        with pytest.raises(SealBroken):
            Sealer(MASTER).open("org_1", SEALED[:place] + changed + SEALED[place + 1 :])


@given(st.binary(), st.text(min_size=1), st.dates())
def test_sealed_bytes_open_again(body: bytes, owner: str, day: date) -> None:
    sealer = Sealer(MASTER)
    assert sealer.open_bytes(owner, sealer.seal_bytes(owner, body, day)) == body


def test_sealed_bytes_open_for_nobody_else_and_not_when_changed() -> None:
    sealed = Sealer(MASTER).seal_bytes("org_1", TEXT.encode(), DAY)
    assert b"138" not in sealed
    for sealer, owner in ((Sealer(OTHER_MASTER), "org_1"), (Sealer(MASTER), "org_2")):
        with pytest.raises(SealBroken):
            sealer.open_bytes(owner, sealed)
    for place in range(1, len(sealed)):
        changed = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]
        with pytest.raises(SealBroken):
            Sealer(MASTER).open_bytes("org_1", changed)
    for length in range(1, len(sealed)):
        with pytest.raises(SealBroken):
            Sealer(MASTER).open_bytes("org_1", sealed[:length])


@pytest.mark.parametrize("kept", [b'{"a":1}', b"", b"\n {}"])
def test_json_that_was_kept_without_a_seal_comes_back_as_it_is(kept: bytes) -> None:
    assert Sealer(MASTER).open_bytes("org_1", kept) == kept


def test_a_short_master_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Sealer(b"short")


def test_each_purpose_has_a_key_of_its_own() -> None:
    sealer = Sealer(MASTER)
    keys = {sealer.derive(purpose) for purpose in ("token-signing", "role|quota", "role|fans")}
    assert len(keys) == 3
    assert all(len(key) == 32 for key in keys)
