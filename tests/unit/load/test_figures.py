"""Figures: the median, the spread, the goal, the peer; and the file that keeps them."""

import json
from pathlib import Path

import pytest

from tests.load.figures import (
    Goal,
    Peer,
    Record,
    at_least,
    at_most,
    below,
    beside,
    figure,
    percentile,
    read,
)

RUNS = [100.0, 300.0, 200.0]


def test_a_figure_is_the_median_of_its_runs() -> None:
    assert figure("P1 rate", "1/s", RUNS).value == 200


@pytest.mark.parametrize(
    ("goal", "value", "met"),
    [
        (at_least(5), 5, True),
        (at_least(5), 4.9, False),
        (at_most(5), 5, True),
        (at_most(5), 5.1, False),
        (below(5), 4.9, True),
        (below(5), 5, False),
    ],
)
def test_a_goal_is_met_on_its_good_side_only(goal: Goal, value: float, met: bool) -> None:
    assert figure("P1 rate", "1/s", [value], goal).met is met


def test_without_a_goal_nothing_is_judged() -> None:
    assert figure("P1 rate", "1/s", RUNS).met is None


def test_the_ratio_is_told_run_by_run() -> None:
    found = figure("P1 rate", "1/s", RUNS, peer=Peer("other", [50, 100, 200]))
    assert (found.peer_value, found.ratio) == (100, 2)


def test_a_ratio_may_be_what_is_judged() -> None:
    found = beside("P2 beside", RUNS, Peer("other", [50, 100, 200]), at_least(1.6))
    assert (found.value, found.unit, found.met, found.runs) == (2, "×", True, [2, 3, 1])


def test_a_peer_that_missed_a_run_is_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        figure("P1 rate", "1/s", RUNS, peer=Peer("other", [50]))


def test_a_percentile_is_one_of_the_values_seen() -> None:
    assert percentile(list(range(100)), 0.99) == 99
    assert percentile([7.0], 0.5) == 7
    with pytest.raises(ValueError, match="nothing"):
        percentile([], 0.5)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    kept = Record("2 cores", "2026-11-25", [figure("P1 rate", "1/s", RUNS, at_least(5))])
    kept.write(tmp_path / "results.json")
    assert read(tmp_path / "results.json") == kept


def test_the_file_has_the_fields_that_others_read(tmp_path: Path) -> None:
    kept = Record("2 cores", "2026-11-25", [figure("P1 rate", "1/s", RUNS)])
    kept.write(tmp_path / "results.json")
    found = json.loads((tmp_path / "results.json").read_text("utf-8"))
    assert list(found) == ["machine", "date", "results"]
    fields = ["name", "value", "unit", "goal", "met", "peer", "peer_value", "ratio", "runs"]
    assert list(found["results"][0]) == fields
