"""The scenarios of the documentation, played with `siyu simulate` against everything."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.house import ROOT, House

SCENARIOS = sorted((ROOT / "docs/scenarios").glob("*.yaml"))


def simulate(house: House, file: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "services.embedded", "simulate", str(file)],
        cwd=ROOT,
        env=house.environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("file", SCENARIOS, ids=lambda file: file.stem)
def test_every_scenario_of_the_documentation_holds(house: House, file: Path) -> None:
    played = simulate(house, file)
    assert played.returncode == 0, played.stdout + played.stderr
    assert "BROKEN" not in played.stdout


def test_a_broken_expectation_is_told_and_ends_with_1(house: House, tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(
        "name: Nobody answers\n"
        "fans: [{name: mei}]\n"
        "timeline: [{fan: mei, says: 多少钱}]\n"
        "expectations: [{fan: mei, receives: 0, within: 3s}]\n"
    )
    played = simulate(house, file)
    assert played.returncode == 1, played.stdout + played.stderr
    assert "BROKEN" in played.stdout
    assert "1 arrived" in played.stdout


def test_a_file_that_cannot_be_read_is_one_sentence(house: House, tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("name: x\nfans: [{name: mei}]\ntimeline:\n  - {fan: mei, sings: la}\n")
    played = simulate(house, file)
    assert (played.returncode, played.stdout) == (2, "")
    assert played.stderr.count("\n") == 1
    assert "bad.yaml:4: timeline.0.sings" in played.stderr
