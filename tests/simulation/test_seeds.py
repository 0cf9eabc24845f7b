"""Random histories of the pure core: every promise of the house holds after every step."""

from collections import Counter

import pytest

from tests.simulation.bugs import BUGS, WITHIN
from tests.simulation.run import play

SEEDS = 1500


def test_no_seed_breaks_a_promise_and_the_faults_are_met() -> None:
    seen = Counter[str]()
    for seed in range(SEEDS):
        report = play(seed)
        assert report.violation is None, (
            "\n".join(report.trace[-40:])
            + f"\n{report.violation}\nreplay: python -m tests.simulation --seed {seed}"
        )
        seen.update(report.seen)
    assert seen["kills"] > SEEDS
    assert seen["unknown"] > SEEDS / 10
    assert seen["by echo"] > SEEDS / 20
    assert seen["sends"] > SEEDS


def test_a_seed_tells_the_same_story_for_ever() -> None:
    assert play(7).trace == play(7).trace


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_caught(bug: str) -> None:
    for seed in range(WITHIN):
        if play(seed, frozenset({bug})).violation:
            return
    pytest.fail(f"{WITHIN} seeds did not notice: {bug}")
