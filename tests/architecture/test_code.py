"""What import-linter cannot see: rules about calls, interfaces and endpoints, on syntax trees."""

import ast
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator

import pytest

from tests.architecture.sources import (
    NO_SERVICE_SHAPE,
    Names,
    Source,
    none_of,
    product,
    source,
    uses,
)

Rule = Callable[[Source], Iterator[str]]
VERBS = frozenset(
    {"get", "post", "put", "patch", "delete", "head", "options", "trace", "api_route"}
)
NOT_FROM_INSIDE = (
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "datetime.datetime.today",
    "datetime.date.today",
    "time.time",
    "uuid.uuid",
    "random.",
)
HANDED_IN = frozenset({"random.Random"})  # the type of a chance that comes as an argument
# failpoints are switched on from outside, before there are settings
READS_ENVIRONMENT = frozenset({"settings", "failpoints"})
TASKS = frozenset({"asyncio.create_task", "asyncio.ensure_future"})


def environment_outside_settings(code: Source) -> Iterator[str]:
    """The environment is read once, into settings."""
    places = {part.removesuffix(".py") for part in code.path.parts}
    if places & READS_ENVIRONMENT or code.service == NO_SERVICE_SHAPE:
        return
    for line, name in uses(code):
        if name.startswith(("os.environ", "os.getenv", "os.putenv")):
            yield f"{code.path}:{line} reads the environment: {name}"


def time_or_chance_inside(code: Source) -> Iterator[str]:
    """Time, ids and chance come into domain and actions as arguments."""
    if code.room not in {"domain", "actions"}:
        return
    for line, name in uses(code):
        if name.startswith(NOT_FROM_INSIDE) and name not in HANDED_IN:
            yield f"{code.path}:{line} makes its own {name}"


def loose_tasks(code: Source) -> Iterator[str]:
    """A task has an owner: shared starts them, a service uses asyncio.TaskGroup."""
    if code.path.parts[0] == "shared" or code.service == "douyin_simulator":
        return
    for line, name in uses(code):
        if name in TASKS or name.endswith("loop.create_task"):
            yield f"{code.path}:{line} starts a task that nobody awaits: {name}"


def commits_outside_db(code: Source) -> Iterator[str]:
    """A transaction commits where its block ends. (quota's `commit(ids)` is another thing.)"""
    if code.is_below("shared/db"):
        return
    for node in ast.walk(code.tree):
        match node:
            case ast.Call(func=ast.Attribute(attr="commit" | "rollback"), args=[], keywords=[]):
                yield f"{code.path}:{node.lineno} ends a transaction by hand"


def routers_that_read_loosely(code: Source) -> Iterator[str]:
    """Bodies are read strictly, everywhere: FastAPI's own router takes the last of two equal names."""
    if code.is_below("shared/http"):
        return
    for line, name in uses(code):
        if name.startswith("fastapi.") and name.endswith("APIRouter"):
            yield f"{code.path}:{line} uses fastapi's router, not shared.http.routing.Router"


def endpoints_without_operation_id(code: Source) -> Iterator[str]:
    """An operation id is part of the API, so it is written down and not derived."""
    for call in endpoints(code):
        if operation_id(call) is None and not is_hidden(call):
            yield f"{code.path}:{call.lineno} has no operation_id"


def endpoints(code: Source) -> Iterator[ast.Call]:
    for node in ast.walk(code.tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for call in node.decorator_list:
            match call:
                case ast.Call(func=ast.Attribute(attr=verb)) if verb in VERBS:
                    yield call


def keyword(call: ast.Call, name: str) -> object:
    found = [k.value for k in call.keywords if k.arg == name]
    return found[0].value if found and isinstance(found[0], ast.Constant) else None


def operation_id(call: ast.Call) -> str | None:
    value = keyword(call, "operation_id")
    return value if isinstance(value, str) and value else None


def is_hidden(call: ast.Call) -> bool:
    return keyword(call, "include_in_schema") is False


RULES: tuple[Rule, ...] = (
    environment_outside_settings,
    time_or_chance_inside,
    loose_tasks,
    commits_outside_db,
    routers_that_read_loosely,
    endpoints_without_operation_id,
)

BROKEN: dict[Rule, tuple[str, str]] = {
    environment_outside_settings: ("services/a/api.py", "import os\nos.environ['X']"),
    time_or_chance_inside: ("services/a/domain/b.py", "import datetime as d\nd.datetime.now()"),
    loose_tasks: ("services/a/api.py", "from asyncio import create_task as go\ngo(f())"),
    commits_outside_db: ("services/a/store.py", "async def f(tx):\n    await tx.commit()"),
    routers_that_read_loosely: ("services/a/api.py", "from fastapi import APIRouter\nAPIRouter()"),
    endpoints_without_operation_id: ("services/a/api.py", "@r.get('/x')\ndef x(): ..."),
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_code_keeps_the_rule(rule: Rule) -> None:
    none_of(complaint for code in product() for complaint in rule(code))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_rule_sees_what_breaks_it(rule: Rule) -> None:
    path, text = BROKEN[rule]
    assert list(rule(source(path, text)))


def test_operation_ids_are_unique_over_all_services() -> None:
    ids = Counter(operation_id(call) for code in product() for call in endpoints(code))
    none_of(name for name, times in ids.items() if name and times > 1)


# ---------------------------------------------------------------------------------- interfaces


def interfaces(codes: tuple[Source, ...]) -> Iterator[tuple[str, ast.ClassDef, bool]]:
    """Protocols and abstract classes: where, the class, and whether it is a Protocol."""
    for code in codes:
        names = Names(code.tree)
        for node in (n for n in ast.walk(code.tree) if isinstance(n, ast.ClassDef)):
            bases = {names.of(b) for b in [*node.bases, *(k.value for k in node.keywords)]}
            is_protocol = bool(bases & {"typing.Protocol", "typing_extensions.Protocol"})
            if is_protocol or bases & {"abc.ABC", "abc.ABCMeta"}:
                yield f"{code.path}:{node.lineno} {node.name}", node, is_protocol


def members(node: ast.ClassDef) -> frozenset[str]:
    found = set()
    for item in node.body:
        match item:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                found.add(name)
            case ast.AnnAssign(target=ast.Name(id=name)):
                found.add(name)
    return frozenset(found)


def single_implementations(codes: tuple[Source, ...]) -> Iterator[str]:
    """Interfaces with fewer than two implementations; a signature (`__call__`) is no interface."""
    classes = [n for code in codes for n in ast.walk(code.tree) if isinstance(n, ast.ClassDef)]
    children: defaultdict[str, set[str]] = defaultdict(set)
    for cls in classes:
        for base in cls.bases:
            children[ast.unparse(base).rpartition(".")[2].partition("[")[0]].add(cls.name)
    for place, node, is_protocol in interfaces(codes):
        wanted = members(node)
        if wanted == {"__call__"}:
            continue
        found = set(children[node.name])
        if is_protocol and wanted:
            found |= {c.name for c in classes if c is not node and wanted <= members(c)}
        if len(found) < 2:
            yield f"{place} has {len(found)} implementation(s)"


def test_no_interface_has_a_single_implementation() -> None:
    none_of(single_implementations(product()))


def test_an_interface_with_one_implementation_is_seen() -> None:
    text = "from typing import Protocol\nclass P(Protocol):\n    def f(self): ...\n"
    one, two = "class A:\n    def f(self): ...\n", "class B:\n    def f(self): ...\n"
    assert list(single_implementations((source("shared/p.py", text + one),)))
    assert not list(single_implementations((source("shared/p.py", text + one + two),)))
