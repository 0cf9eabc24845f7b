"""What the lab is asked and cannot do is one sentence and an exit status, before anything is started."""

from dataclasses import replace
from pathlib import Path

import pytest

from services.embedded.servers import CannotStart
from tests.faults.__main__ import main, require_room
from tests.faults.callers import Written
from tests.faults.report import Report
from tests.faults.scenarios import SCENARIOS
from tests.faults.shapes import FULL, SHAPES, SHORT, shape_of
from tests.faults.stage import Scenario
from tests.faults.traffic import History

FAULTS = (
    *("F1", "F2", "F3", "F4", "F5", "F6", "F7", "F9", "F11", "F12", "F13", "F14", "F15"),
    *("F17", "F18", "F19", "F20", "F21", "F22", "F23", "F24", "F25", "F26", "F27", "F28"),
    *("F29", "F30", "F31", "F33", "F34", "F35"),
)


def test_every_fault_of_the_matrix_has_a_scenario_that_can_be_vacuous() -> None:
    assert sorted(SCENARIOS) == sorted(FAULTS)
    assert all(scenario.needs for scenario in SCENARIOS.values())
    assert {"F1", "F2", "F4", "F6", "F12", "F14", "F19", "F29"} <= set(SHORT.scenarios)
    assert set(SHAPES["full"].scenarios) == set(SHAPES["soak"].scenarios) == set(FAULTS)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--only", "F99"], "invalid choice: 'F99'"),
        (["--shape", "huge"], "invalid choice: 'huge'"),
        (["--seed", "-1"], "a seed is a number from 0"),
        (["--seed", "x"], "invalid _seed value: 'x'"),
        (["--minutes", "0"], "minutes are a number from 1"),
        (["--port", "99999"], "a port is a number"),
    ],
)
def test_a_wrong_option_is_named(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(("what", "said"), [("disk", "of disk"), ("memory", "of memory")])
def test_too_little_room_is_one_sentence(what: str, said: str, tmp_path: Path) -> None:
    greedy = replace(SHORT, disk=2**60) if what == "disk" else replace(SHORT, memory=2**60)
    with pytest.raises(CannotStart, match=said):
        require_room(greedy, tmp_path / "not" / "there")


def test_a_port_in_use_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["--only", "F4", "--port", str(port)]) == 3
    said = capsys.readouterr().err
    assert f"Port {port}" in said
    assert said.count("\n") == 1


def test_a_shape_may_be_bounded_and_play_chosen_faults_only() -> None:
    assert shape_of(None, None, None).scenarios == SHORT.scenarios
    assert shape_of(None, ["F4"], None).least == {}
    bounded = shape_of("full", ["F4"], 20)
    assert (bounded.scenarios, bounded.storm_ends, bounded.least) == (["F4"], 1200, FULL.least)


def test_faults_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(FAULTS)


def test_a_fault_that_was_not_seen_is_named() -> None:
    async def nothing(_: object) -> None: ...

    scenario = Scenario("F0", "nothing happens", nothing, {"killed": 2, "reset": 1})
    assert scenario.unseen({"killed": 3}, {"killed": 4, "reset": 1}) == ["F0: killed 1 of 2"]


def test_the_exit_status_means_something_and_a_failure_names_its_replay() -> None:
    report = Report(shape_of(None, ["F4", "F6"], None), 7, History(), Written())
    assert (report.exit_status, list(report.lines())[-1][:7]) == (0, "seed 7,")
    report.unseen.append("F4: valkey_losses 0 of 1")
    assert report.exit_status == 2
    report.verdict.violations.append("I1 gone")
    assert report.exit_status == 1
    assert "replay   python -m tests.faults --only F4 --only F6 --seed 7" in list(report.lines())
    assert "1 violations" in report.last_line()
