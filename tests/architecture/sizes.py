"""How large the code is: `make check` prints it, tests/architecture/test_shape.py limits the parts."""

from collections import Counter

from tests.architecture.sources import sources

SHARED_BUDGET = 20


def lines_by_place() -> Counter[str]:
    """Lines of Python in each service, in shared and in tests; migrations are not counted."""
    lines: Counter[str] = Counter()
    for code in sources("services", "shared", "tests"):
        if code.room != "migrations":
            lines[code.service or code.path.parts[0]] += code.lines
    return lines


def report() -> str:
    """Two lines: the size of every part, and what share of the services shared/ has."""
    lines = lines_by_place()
    shared, tests = lines.pop("shared", 0), lines.pop("tests", 0)
    total = sum(lines.values())
    parts = ", ".join(f"{name} {count:,}" for name, count in lines.most_common())
    return (
        f"services {total:,} lines ({parts})\n"
        f"shared {shared:,} lines = {shared / max(total, 1):.0%} of services"
        f" (goal: at most {SHARED_BUDGET} %), tests {tests:,} lines"
    )


if __name__ == "__main__":
    print(report())
