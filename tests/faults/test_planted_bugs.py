"""Ten mistakes are planted into the real processes, and the lab must notice each.

That they can still be planted is checked always; that each is caught takes a run of the lab, so it is
asked for: `make faults-planted`.
"""

import asyncio
import os
from pathlib import Path

import pytest

from tests.faults.bugs import BUGS, DIES_OF_ONE, Bug, NotPlantable, text_of
from tests.faults.running import Run
from tests.faults.shapes import catching

SEED = int(os.environ.get("FAULT_SEED", "7"))
bugs = pytest.mark.parametrize("bug", BUGS.values(), ids=lambda bug: bug.name)


@pytest.mark.parametrize("bug", [*BUGS.values(), DIES_OF_ONE], ids=lambda bug: bug.name)
def test_a_mistake_can_be_planted(bug: Bug) -> None:
    texts: dict[str, str] = {}
    for edit in bug.edits:
        texts[edit.module] = edit.apply(texts.get(edit.module) or text_of(edit.module))
    for module, text in texts.items():
        compile(text, module, "exec")


def test_a_mistake_that_changes_nothing_is_refused() -> None:
    edit = next(iter(BUGS.values())).edits[0]
    with pytest.raises(NotPlantable):
        edit.apply("nothing of that kind")


@pytest.mark.skipif("FAULTS_PLANTED" not in os.environ, reason="make faults-planted runs the lab")
@pytest.mark.timeout(1800)
@bugs
def test_a_planted_mistake_is_caught(bug: Bug, tmp_path: Path) -> None:
    run = Run(tmp_path, catching(bug), SEED, by=("tests.faults.planted", bug.name))
    report = asyncio.run(run.play())
    print(*report.lines(), sep="\n")
    broken = {violation.split(" ")[0] for violation in report.verdict.violations}
    assert bug.breaks in broken, f"{bug.breaks} should have been broken"
