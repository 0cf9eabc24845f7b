"""A migration runs while the service works: nothing in it may hold a table for as long as it is large."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

# these came before the rule, and before there was a release: nobody has large tables below them
_BEFORE = {
    "direct_messages/0004_records_as_they_come",
    "direct_messages/0005_rule_states",
    "douyin/0003_forget_bodies",
    "douyin/0004_authorisations",
    "douyin/0007_claims_by_key",
    "fans/0002_leads",
}
_CONSTANT = re.compile(r"'[^']*'(::\w+)?|now\(\)|true|false|-?\d+|NULL", re.IGNORECASE)


def faults(source: str) -> list[str]:
    """What of an upgrade would stop the service on a large table."""
    tree = ast.parse(source)
    tree.body = [n for n in tree.body if getattr(n, "name", "") != "downgrade"]
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call)]
    made = [c for c in calls if _verb(c) == "create_table"]
    new = {_text(c.args[0]) for c in made}
    of_new = {id(n) for c in made for n in ast.walk(c)}
    columns = [c for c in calls if _text(c.func) == "Column" and id(c) not in of_new]
    found = [fault for call in calls for fault in _faults_of(call, new)]
    return found + [fault for column in columns for fault in _faults_of_column(column)]


def _faults_of(call: ast.Call, new: set[str]) -> Iterator[str]:
    named = {k.arg: k.value for k in call.keywords}
    match _verb(call):
        case "create_index" if _text(call.args[1]) not in new and "if_not_exists" not in named:
            yield "an index of a table that exists needs if_not_exists=True"
        case "alter_column" if "type_" in named:
            yield "another type rewrites the table: add a column, backfill, drop the old one"
        case "execute" if re.match(r"\s*(UPDATE|DELETE)\b", _text(call.args[0]), re.IGNORECASE):
            yield "rows are changed in batches by a job, not in a migration"


def _faults_of_column(column: ast.Call) -> Iterator[str]:
    named = {k.arg: k.value for k in column.keywords}
    default = named.get("server_default")
    if default is None and _text(named.get("nullable")) == "False":
        yield "a column that may not be NULL needs a server_default"
    is_sql = isinstance(default, ast.Call) and _text(default.func) == "text"
    if is_sql and isinstance(default, ast.Call) and not _CONSTANT.fullmatch(_text(default.args[0])):
        yield "a default that is computed row by row rewrites the table"


def _verb(call: ast.Call) -> str | None:
    at = call.func
    is_op = isinstance(at, ast.Attribute) and isinstance(at.value, ast.Name) and at.value.id == "op"
    return at.attr if is_op and isinstance(at, ast.Attribute) else None


def _text(node: ast.expr | None) -> str:
    match node:
        case ast.Constant():
            return str(node.value)
        case ast.Attribute():
            return node.attr
        case None:
            return ""
    return ast.unparse(node)


def test_new_migrations_hold_no_table_for_long() -> None:
    found = {}
    for path in sorted(Path("services").glob("*/migrations/versions/*.py")):
        name = f"{path.parts[1]}/{path.stem}"
        if name not in _BEFORE and (wrong := faults(path.read_text("utf-8"))):
            found[name] = wrong
    assert found == {}


@pytest.mark.parametrize(
    ("statement", "is_fault"),
    [
        ("op.create_index('i', 'old', ['a'], schema='s')", True),
        ("op.create_index('i', 'old', ['a'], schema='s', if_not_exists=True)", False),
        ("op.create_table('new')\n    op.create_index('i', 'new', ['a'])", False),
        ("op.alter_column('old', 'a', type_=sa.JSON())", True),
        ("op.add_column('old', sa.Column('a', sa.Text))", False),
        ("op.add_column('old', sa.Column('a', sa.Text, nullable=False))", True),
        (
            "op.add_column('old', sa.Column('a', sa.Text, nullable=False, server_default='x'))",
            False,
        ),
        ("op.add_column('old', sa.Column('a', T, server_default=sa.text('now()')))", False),
        ("op.add_column('old', sa.Column('a', T, server_default=sa.text('random()')))", True),
        ("op.execute('UPDATE old SET a = 1')", True),
    ],
)
def test_the_rule_finds_what_it_names(statement: str, *, is_fault: bool) -> None:
    assert bool(faults(f"def upgrade():\n    {statement}\n")) is is_fault
