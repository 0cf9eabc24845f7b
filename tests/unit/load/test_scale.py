"""How `make bench-scale` is called, what it keeps, and that a wrong result does not pass."""

from pathlib import Path
from typing import Any

import pytest

from services.embedded.servers import CannotStart
from tests.load import report, scale
from tests.load.figures import Record, at_least, figure, read_parts, write_parts
from tests.load.generator import Dm, Outcome, a_dm
from tests.load.path import by_fan, by_message
from tests.load.scale import RESULTS, asked_for, kept, merged, room
from tests.load.scaling.backlog import checked
from tests.load.scaling.history import grown
from tests.load.system import Void

OLD = Record("2 cores", "2026-11-25", [figure("Workers", "DM/s", [1200])])
NEW = Record("8 cores", "2026-11-26", [figure("P12 drained", "events/s", [1200], at_least(1000))])


def a_reply(dm: Dm, at_ms: int = 0, under: str = "") -> dict[str, Any]:
    return {"to_user_id": dm.fan, "reply_to_msg_id": under or dm.id, "accepted_at_ms": at_ms}


def test_wrong_sizes_are_answered_with_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        asked_for(["--backlog", "7"])
    assert ended.value.code == 2
    assert capsys.readouterr().err == "tests.load.scale: --backlog must be at least 100\n"


@pytest.mark.parametrize("words", [[], ["--only", "history"], ["--stored", "10000000"]])
def test_figures_of_full_size_are_written(words: list[str]) -> None:
    assert asked_for(words).out == RESULTS


@pytest.mark.parametrize("words", [["--short"], ["--only", "backlog", "--backlog", "1000"]])
def test_figures_of_less_are_only_told(words: list[str]) -> None:
    assert asked_for(words).out is None


def test_only_the_parts_asked_for_need_room() -> None:
    little, much = room(asked_for(["--only", "workers"])), room(asked_for(["--only", "history"]))
    waiting = room(asked_for(["--only", "backlog"]))
    assert little[0] < waiting[0] < much[0]
    assert little[1] == much[1] < waiting[1]
    assert room(asked_for([])) == (much[0], waiting[1])


def test_other_parts_keep_the_figures_that_they_have() -> None:
    both = merged({"backlog": OLD, "workers": OLD}, {"backlog": NEW})
    assert list(both.items()) == [("workers", OLD), ("backlog", NEW)]


def test_figures_of_parts_are_read_as_they_were_written(tmp_path: Path) -> None:
    file = tmp_path / "scaling.json"
    assert kept(file) == {}
    write_parts(file, {"workers": OLD, "backlog": NEW})
    assert kept(file) == read_parts(file) == {"workers": OLD, "backlog": NEW}


@pytest.mark.parametrize("contents", ["", "[]", '{"workers": []}', '{"workers": {"date": 1}}'])
def test_a_file_of_something_else_is_refused_before_the_run(tmp_path: Path, contents: str) -> None:
    file = tmp_path / "mine.json"
    file.write_text(contents)
    with pytest.raises(CannotStart, match="holds something else"):
        scale.run(asked_for(["--short", "--out", str(file)]))
    assert file.read_text() == contents


def test_the_page_shows_the_figures_that_are_committed() -> None:
    page = report.SCALING.read_text("utf-8")
    assert report.filled(page, report.scaling_block(report.scaling_parts())) == page, (
        "python -m tests.load.report"
    )


def test_the_page_is_filled_between_its_marks() -> None:
    page = "before\n<!-- figures: begin -->\nold\n<!-- figures: end -->\nafter\n"
    filled = report.filled(page, report.scaling_block({"backlog": NEW}))
    assert filled.startswith("before\n<!-- figures: begin -->\nMeasured on 2026-11-26: 8 cores.")
    assert "| P12 drained | 1,200 events/s | >= 1000 | met |" in filled
    assert filled.endswith("<!-- figures: end -->\nafter\n")
    assert "old" not in filled


def test_the_page_says_what_was_measured_when_and_what_was_not() -> None:
    block = report.scaling_block({"workers": OLD, "conversations": OLD, "backlog": NEW})
    assert block.count("Measured on") == 2
    assert block.index("2026-11-25: 2 cores") < block.index("2026-11-26: 8 cores")
    assert "Not measured on a quiet machine yet: history (" in block
    assert "Not measured" not in report.scaling_block(dict.fromkeys(scale.PARTS, NEW))


@pytest.mark.parametrize("replied", [[0], [0, 0], [0, 1, 1]])
def test_a_message_with_no_reply_or_two_voids_the_run(replied: list[int]) -> None:
    dms = [a_dm("run", number, 2) for number in range(2)]
    assert by_message(dms, [a_reply(dm) for dm in dms]).keys() == {dm.id for dm in dms}
    with pytest.raises(Void, match="of 2 messages"):
        by_message(dms, [a_reply(dms[number]) for number in replied])


def test_the_replies_to_a_fan_who_writes_on_are_told_apart_by_their_order() -> None:
    dms = [a_dm("run", number, 2) for number in range(4)]
    outcome = Outcome({dm.id: (number, number) for number, dm in enumerate(dms)})
    sent = [a_reply(dm, at, under=dms[2 + at % 2].id) for at, dm in enumerate(dms)]
    assert by_fan(dms, outcome, sent) == {dm.id: n / 1000 for n, dm in enumerate(dms)}
    for wrong in (sent[1:], [*sent, sent[0]], [*sent[1:], sent[1]]):
        with pytest.raises(Void, match="more or fewer replies"):
            by_fan(dms, outcome, wrong)


def test_a_backlog_counts_only_when_everybody_was_answered_exactly_once() -> None:
    waited, live = [a_dm("b", number, 2) for number in range(8)], a_dm("live0", 0, 100)
    outcome = Outcome({live.id: (1.0, 1.1)})
    sent = [*(a_reply(dm, under=waited[-1].id) for dm in waited), a_reply(live, 1_500)]
    assert checked(sent, 8, outcome) == [500.0]
    stranger = a_reply(a_dm("other", 0, 1))
    for wrong in (sent[1:], [sent[0], *sent], sent[:-1], [*sent, sent[-1]], [*sent, stranger]):
        with pytest.raises(Void):
            checked(wrong, 8, outcome)


def test_the_history_copies_every_table_that_grows_with_messages() -> None:
    before = {"a.message": 5, "a.rule": 9, "a.day": 0, "a.inbound": 0}
    after = {"a.message": 25, "a.rule": 9, "a.day": 1, "a.inbound": 10}
    assert grown(before, after, 10) == ["a.message", "a.inbound"]
    with pytest.raises(Void, match=r"a\.day"):
        grown(before, {**after, "a.day": 7}, 10)
