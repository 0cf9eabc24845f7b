"""`make check`: every check that is no test, two at a time, one line each.

What a check says is shown only if it fails. All run, so that one look tells everything.
"""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.architecture.sizes import report
from tests.architecture.sources import ROOT

BIN = Path(sys.executable).parent
PYTHON = (sys.executable, "-m")


@dataclass(frozen=True)
class Step:
    """One check: what it is called, what is run, and the file without which there is nothing to check."""

    name: str
    command: tuple[str, ...]
    needs: str = ""


STEPS = (
    Step("types", (*PYTHON, "mypy")),
    Step(
        "migrations match the tables",
        (str(BIN / "python"), str(BIN / "siyu"), "check-migrations"),
        needs="services/embedded/command.py",
    ),
    Step("lint", (*PYTHON, "ruff", "check", "--quiet", ".")),
    Step("format", (*PYTHON, "ruff", "format", "--quiet", "--check", ".")),
    Step("borders", (str(BIN / "python"), str(BIN / "lint-imports"), "--no-cache")),
    Step("shape, locks and hygiene", (*PYTHON, "pytest", "-q", "tests/architecture")),
    Step(
        "openapi/ is fresh and breaks nobody",
        (*PYTHON, "services.embedded.openapi", "--check"),
        needs="openapi",
    ),
)


def run(step: Step) -> tuple[bool, str]:
    """Whether the check passed, and what to print about it."""
    if step.needs and not any(ROOT.glob(f"{step.needs}*")):
        return True, f"  skip  {step.name}: {step.needs} does not exist yet"
    began = time.monotonic()
    done = subprocess.run(
        step.command, cwd=ROOT, capture_output=True, text=True, errors="replace", check=False
    )
    took = time.monotonic() - began
    if done.returncode == 0:
        return True, f"  ok    {step.name} ({took:.1f} s)"
    return False, f"  FAIL  {step.name} ({took:.1f} s)\n{done.stdout}{done.stderr}".rstrip()


def main() -> int:
    """Run all steps; 1 if any failed."""
    failed = 0
    print("check:", flush=True)
    with ThreadPoolExecutor(2) as pool:
        for passed, text in pool.map(run, STEPS):
            print(text, flush=True)
            failed += not passed
    print(report(), flush=True)
    if failed:
        print(f"{failed} of {len(STEPS)} checks failed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
