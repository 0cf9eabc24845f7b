"""`python -m tests.simulation`: plays seeds and says what they saw; `--seed` replays one with its trace."""

import argparse
import sys
import time
from collections import Counter

from tests.simulation.bugs import BUGS
from tests.simulation.run import play


def main(arguments: list[str]) -> int:
    """Exit status 0: every promise held, and the faults were really met."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=10_000, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--seed", type=int, help="replay this one")
    parser.add_argument("--bug", choices=BUGS, action="append", default=[], help="plant it")
    asked = parser.parse_args(arguments)
    if asked.seeds < 1:
        parser.error("--seeds must be at least 1")
    bugs = frozenset(asked.bug)
    if asked.seed is not None:
        return _replay(asked.seed, bugs)
    return _play_all(range(asked.first, asked.first + asked.seeds), bugs)


def _replay(seed: int, bugs: frozenset[str]) -> int:
    report = play(seed, bugs)
    print("\n".join(report.trace))
    print(f"seed {seed}: {report.violation or 'every promise held'}")
    return report.violation is not None


def _play_all(seeds: range, bugs: frozenset[str]) -> int:
    began, seen = time.monotonic(), Counter[str]()
    for seed in seeds:
        report = play(seed, bugs)
        seen.update(report.seen)
        if report.violation:
            planted = "".join(f' --bug "{bug}"' for bug in sorted(bugs))
            print("\n".join(report.trace[-40:]))
            print(f"seed {seed} broke a promise: {report.violation}")
            print(f"replay: python -m tests.simulation --seed {seed}{planted}")
            return 1
    facts = ", ".join(f"{count:,} {what}" for what, count in seen.items())
    print(f"{len(seeds):,} seeds in {time.monotonic() - began:.0f} s: {facts}; 0 violations")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
