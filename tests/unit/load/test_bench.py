"""How `make bench` is called, and what is made of what it measured."""

import xml.etree.ElementTree as ET

import pytest

from tests.load import report
from tests.load.bench import PARTS, RESULTS, asked_for
from tests.load.figures import Record, at_least, figure, read
from tests.load.peers import INSTALLED
from tests.load.pictures import Bar, bars, stack
from tests.load.words import FOUND, TEXTS, peers_rules


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--only", "P9"], "there is no part 'P9'"),
        (["--only", "P1,"], "there is no part ''"),
        (["--runs", "0"], "--runs must be at least 1"),
        (["--runs", "many"], "invalid int value"),
        (["--fast"], "unrecognized arguments"),
    ],
)
def test_wrong_options_are_answered_with_one_sentence(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        asked_for(words)
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert says in said
    assert said.count("\n") == 1


def test_a_part_is_chosen_by_name() -> None:
    assert asked_for(["--short", "--only", "P4,P6", "--only", "P1"]).only == ["P4", "P6", "P1"]


def test_without_a_choice_all_parts_run() -> None:
    assert asked_for(["--short"]).only == list(PARTS)


@pytest.mark.parametrize("words", [["--short"], ["--short", "--only", "P6"]])
def test_a_run_that_is_not_whole_writes_no_figures(words: list[str]) -> None:
    assert asked_for(words).out is None


def test_the_short_form_needs_no_peers() -> None:
    assert asked_for(["--short"]).shape.peers is None


@pytest.mark.skipif(INSTALLED.exists(), reason="the peers are installed here")
def test_the_whole_form_says_that_it_needs_the_peers(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        asked_for([])
    assert "the peers are not installed" in capsys.readouterr().err


def test_the_page_is_made_of_the_figures_that_are_committed() -> None:
    for name, contents in report.rendered(read(RESULTS)).items():
        assert (report.BENCHMARKS / name).read_text("utf-8") == contents, (
            "python -m tests.load.report"
        )
    page = report.README.read_text("utf-8")
    assert report.filled(page, report.first_block(read(RESULTS))) == page, "the same"


def test_no_picture_is_left_of_earlier_figures() -> None:
    made = set(report.rendered(read(RESULTS)))
    assert {path.name for path in report.BENCHMARKS.glob("*.svg")} <= made


def test_the_page_shows_spread_peer_and_what_is_not_met() -> None:
    missed = figure("P2 DM end to end", "DM/s", [900, 1100, 1000], at_least(1500))
    cpu = figure("P2 CPU: door", "µs/DM", [100])
    page = report.rendered(Record("2 cores", "2026-11-25", [missed, cpu]))["RESULTS.md"]
    assert "| P2 DM end to end | 1,000 DM/s | >= 1500 | **not met** | 900 – 1,100 |" in page
    assert "door 100%" in page
    assert "(cpu.svg)" in page


@pytest.mark.parametrize("draw", [bars, stack])
def test_a_picture_is_well_formed_whatever_its_labels_hold(draw: object) -> None:
    shown = [Bar("send & <settle>", 12.5, 10, 20), Bar("nothing", 0, 0, 0)]
    drawn = ET.fromstring(draw("a > b", "ms", shown))  # type: ignore[operator]
    assert any(found.text and "send & <settle>" in found.text for found in drawn.iter())


@pytest.mark.parametrize("count", [10, 1_000])
def test_three_of_five_texts_match_one_rule_of_the_peers(count: int) -> None:
    rules = peers_rules(count)
    matching = [[r for r in rules if any(word in text for word in r)] for text in TEXTS]
    assert len(rules) == count
    assert sorted(map(len, matching)) == [0, 0, 1, 1, 1]
    assert {(word,) for word in FOUND} == {found[0] for found in matching if found}
