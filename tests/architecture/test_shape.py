"""Every service has the same rooms, and nothing grows beyond its size."""

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.sources import ROOT, Source, none_of, product, services, sources

ROOMS = frozenset(
    {"domain", "actions", "api", "consumers", "jobs", "store", "clients", "settings", "service"}
    | {"migrations", "__init__", "__main__"}
)
FILE_LIMIT, TEST_FILE_LIMIT, FUNCTION_LIMIT, PUBLIC_METHODS = 300, 400, 40, 8
EXCEPTIONS = ROOT / "tests/architecture/allowed_sizes.txt"


def allowed_sizes() -> dict[str, int]:
    """The exceptions: `path` or `path::name`, the size allowed, and `#` with the reason."""
    allowed: dict[str, int] = {}
    for line in EXCEPTIONS.read_text("utf-8").splitlines():
        entry, _, reason = line.partition("#")
        if not entry.strip():
            continue
        place, size = entry.split()
        assert len(reason.strip()) > 10, f"allowed_sizes.txt: {place} needs a reason"
        allowed[place] = int(size)
    return allowed


def sizes(code: Source, file_limit: int) -> Iterator[tuple[str, int, int]]:
    """What is measured in a file: the place, its size, and the size that it may have."""
    yield str(code.path), code.lines, file_limit
    for node in ast.walk(code.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            yield f"{code.path}::{node.name}", length, FUNCTION_LIMIT
        elif isinstance(node, ast.ClassDef) and code.service in services() and node.name[0] != "_":
            yield f"{code.path}::{node.name}", len(public_methods(node)), PUBLIC_METHODS


def public_methods(node: ast.ClassDef) -> list[str]:
    functions = (n for n in node.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
    return [f.name for f in functions if not f.name.startswith("_") and not f.decorator_list]


def measured() -> Iterator[tuple[str, int, int]]:
    for code in product():
        yield from sizes(code, FILE_LIMIT)
    for code in sources("tests"):
        yield from sizes(code, TEST_FILE_LIMIT)


def test_nothing_is_larger_than_its_size() -> None:
    allowed = allowed_sizes()
    none_of(
        f"{place}: {size}, at most {allowed.get(place, limit)}"
        for place, size, limit in measured()
        if size > allowed.get(place, limit)
    )


def test_an_exception_goes_when_it_is_no_longer_needed() -> None:
    needed = {place for place, size, limit in measured() if size > limit}
    none_of(set(allowed_sizes()) - needed)


@pytest.mark.parametrize("name", services())
def test_a_service_has_only_the_rooms_of_the_house(name: str) -> None:
    rooms = {code.room for code in sources("services") if code.service == name}
    none_of(rooms - ROOMS)
    assert "__init__" in rooms


@pytest.mark.parametrize("name", services())
def test_a_service_has_its_row_in_the_table(name: str) -> None:
    assert f"`{name}`" in (ROOT / "services/README.md").read_text("utf-8").replace("**", "")


def test_every_package_says_what_it_is() -> None:
    none_of(
        str(code.path)
        for code in product()
        if code.text.strip() and ast.get_docstring(code.tree) is None
    )
