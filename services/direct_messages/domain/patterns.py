"""RE2 patterns: how they are compiled, and which are small enough to be asked of every message."""

from typing import Any

import re2

PATTERN_MAX_CHARS = 256  # security.md §5: a limit of ours on what we compile, not of the platform
# RE2 is linear, but its worst case costs about 9 ns for each state and character. Repetitions and
# classes expand to states beyond the (at most 3 bytes of) characters that are written down; these
# two keep the worst pattern below 5 ms on the longest message, and all of an account bounded.
EXPANSION_MAX = 300
PROGRAMS_MAX = 20_000
_PATTERN_BYTES = 1 << 20  # what one compiled pattern may take


def pattern_options() -> Any:
    """How every pattern is compiled: case means nothing, memory is bounded, no noise."""
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = _PATTERN_BYTES
    return options


def pattern_fault(pattern: str) -> str | None:
    """Why RE2 cannot take the pattern; None when it can."""
    if not pattern:
        return "must not be empty"
    if len(pattern) > PATTERN_MAX_CHARS:
        return f"at most {PATTERN_MAX_CHARS} characters"
    try:
        size = program_size(pattern)
    except re2.error as error:
        why = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error)
        return f"RE2 rejects the pattern: {why}"[:200]
    if size - 3 * len(pattern) > EXPANSION_MAX:
        return f"too complex: it expands to {size} instructions; write shorter repetitions"
    return None


def program_size(pattern: str) -> int:
    """How many instructions RE2 needs for the pattern. Raises re2.error."""
    return int(re2.compile(pattern, pattern_options()).programsize)
