"""A child's log: kept small while it is written to, and quoted."""

from pathlib import Path

import pytest

from services.embedded.servers import log_file
from services.embedded.servers.log_file import LogFile


def test_only_the_current_run_is_quoted(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "logs/app.log")
    for run in (b"old\n", b"one\n\ntwo\nthree\n"):
        with log.open_for_run() as output:
            output.write(run)
    assert log.last_lines(2) == ["two", "three"]
    assert log.last_lines(9) == ["one", "two", "three"]


@pytest.mark.parametrize(
    ("lines", "cause"),
    [
        ("2026 [7] FATAL:  the disk is full\n2026 [7] LOG:  bye\n", "the disk is full"),
        ("1:M # Bad file format reading the append only file\n", "Bad file format"),
        ("Traceback\nValueError: no\n", "ValueError: no"),
        ("", "it said nothing"),
    ],
)
def test_the_cause_is_the_fatal_line_or_else_the_last(
    tmp_path: Path, lines: str, cause: str
) -> None:
    log = LogFile(tmp_path / "app.log")
    with log.open_for_run() as output:
        output.write(lines.encode())
    assert cause in log.cause()


def test_a_large_log_moves_aside_while_its_writer_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_file, "LARGEST", 10)
    log = LogFile(tmp_path / "app.log")
    with log.open_for_run() as output:
        output.write(b"more than ten\n")
        output.flush()
        log.rotate_if_large()
        output.write(b"after\n")
    assert log.path.read_bytes() == b"after\n"
    assert (tmp_path / "app.log.1").read_bytes() == b"more than ten\n"
    assert log.last_lines(9) == ["after"]
