"""`make faults`: a longer fault run than the tests can afford.

python -m tests.faults --seconds 300 --seed 7
"""

import argparse
import random
import sys
import tempfile
from pathlib import Path

from tests.e2e.house import House
from tests.faults.rig import Report, Shape, run

_DUPLICATED = 1.1


def main() -> int:
    """0: nothing lost, nothing doubled. 1: it was. 2: the run saw too few faults to say so."""
    parser = argparse.ArgumentParser(prog="tests.faults", description=__doc__)
    parser.add_argument("--seconds", type=int, default=120, help="how long fans write")
    parser.add_argument("--rate", type=float, default=120, help="deliveries a second")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--ambiguous", type=float, default=0.02, help="part of the sends")
    parser.add_argument("--echoes", type=float, default=0.02, help="part lost, doubled, late")
    parser.add_argument("--failpoint", default="", help="FAILPOINT of shared/failpoints.py")
    parser.add_argument("--hold-patience", type=float, default=200)
    parser.add_argument("--keep", type=Path, help="keep the data directory here")
    asked = parser.parse_args()
    events = max(int(asked.seconds * asked.rate / _DUPLICATED), 1)
    shape = Shape(
        asked.seed,
        events,
        asked.rate,
        asked.ambiguous,
        asked.echoes,
        failpoints=bool(asked.failpoint),
        hold_patience=asked.hold_patience,
    )
    print(f"seed {shape.seed}: {events} events at {shape.rate:.0f}/s", flush=True)
    with tempfile.TemporaryDirectory(prefix="siyu-faults-") as folder:
        house = House(asked.keep or Path(folder), FAILPOINT=asked.failpoint)
        try:
            print(f"ready after {house.start():.1f} s", flush=True)
            report = run(house, shape)
        finally:
            house.stop()
    return _tell(report)


def _tell(report: Report) -> int:
    missing = report.vacuous()
    print("answers", dict(report.history.answers), f"slowest {report.history.slowest:.2f} s")
    print("decided", dict(report.verdict.outcomes), "attempts", dict(report.verdict.attempts))
    for violation in report.verdict.violations:
        print("VIOLATION", violation)
    for one in missing:
        print("NOT SEEN", one)
    print(report.line())
    if report.verdict.violations:
        return 1
    return 2 if missing else 0


sys.exit(main())
