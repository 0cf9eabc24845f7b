"""`siyu demo` and `siyu demo --reset` where nothing runs."""

import os
import subprocess
import sys
from pathlib import Path

from services.embedded.data_directory import DataDirectory

ROOT = Path(__file__).resolve().parents[3]


def siyu(data: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith(("SIYU_", "DATABASE_", "REDIS_"))
    }
    return subprocess.run(
        [sys.executable, "-m", "services.embedded", *words],
        cwd=ROOT,
        env={**kept, "SIYU_DATA_DIR": str(data), **more},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_without_a_running_system_the_story_is_one_sentence(tmp_path: Path) -> None:
    ran = siyu(tmp_path / "var", "demo")
    assert ran.returncode == 1
    assert ran.stderr.strip() == f"{tmp_path}/var/demo.json is not there: start `make run` first."
    assert not (tmp_path / "var").exists()


def test_a_reset_puts_both_sides_aside_and_deletes_nothing(tmp_path: Path) -> None:
    for name in ("postgres/cluster", "valkey", "simulator"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "simulator/journal").write_text("what the platform remembers")
    (tmp_path / "master.key").write_text("m" * 43)

    ran = siyu(tmp_path, "demo", "--reset")
    assert ran.returncode == 0, ran.stderr
    assert {entry.name for entry in tmp_path.iterdir()} == {"lock", "before-reset"}
    (aside,) = (tmp_path / "before-reset").iterdir()
    assert str(aside) in ran.stdout
    assert (aside / "simulator/journal").read_text() == "what the platform remembers"
    assert {entry.name for entry in aside.iterdir()} == {
        "postgres",
        "valkey",
        "simulator",
        "master.key",
    }
    again = siyu(tmp_path, "demo", "--reset")
    assert (again.returncode, again.stdout.startswith("There is nothing to reset")) == (0, True)


def test_a_reset_waits_for_nobody_and_takes_nothing_from_a_running_system(tmp_path: Path) -> None:
    (tmp_path / "simulator").mkdir()
    with DataDirectory(tmp_path):
        ran = siyu(tmp_path, "demo", "--reset")
    assert ran.returncode == 1
    assert ran.stderr.strip().endswith("Stop it first (Ctrl-C); nothing was reset.")
    assert (tmp_path / "simulator").is_dir()


def test_a_server_that_is_not_ours_is_not_reset(tmp_path: Path) -> None:
    (tmp_path / "simulator").mkdir()
    ran = siyu(tmp_path, "demo", "--reset", REDIS_URL="redis://127.0.0.1:1/0")
    assert ran.returncode == 1
    assert "not ours" in ran.stderr
    assert (tmp_path / "simulator").is_dir()
