"""One distribution, installed from this checkout, its dependencies locked by hash."""

import importlib.metadata
import re
import tomllib
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import services
import shared
from tests.architecture.sources import ROOT

PIN = re.compile(r"^([\w.-]+)(?:\[[\w,-]+\])?==(\S+)", re.MULTILINE)
HASH = r"--hash=sha256:[0-9a-f]{64}"


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def pins(lock: str) -> dict[str, str]:
    """Name and version of everything that a lock installs."""
    found = PIN.findall((ROOT / lock).read_text("utf-8"))
    return {canonicalize_name(name): version for name, version in found}


def wanted(group: str) -> list[Requirement]:
    """The project's dependencies and those of a group, groups inside it included."""
    groups = project()["dependency-groups"]

    def of(name: str) -> list[str]:
        entries = groups[name]
        nested = [of(e["include-group"]) for e in entries if isinstance(e, dict)]
        return [*(e for e in entries if isinstance(e, str)), *(x for n in nested for x in n)]

    ours = [] if group == "peers" else project()["project"]["dependencies"]
    return [Requirement(text) for text in [*ours, *of(group)]]


@pytest.mark.parametrize(
    ("lock", "group"),
    [
        ("requirements.lock", "build"),
        ("requirements-dev.lock", "dev"),
        ("requirements-bench.lock", "peers"),  # measured beside us, and installed apart from us
    ],
)
def test_the_lock_holds_what_the_project_asks_for(lock: str, group: str) -> None:
    locked = pins(lock)
    missing = [
        str(need)
        for need in wanted(group)
        if not need.specifier.contains(locked.get(canonicalize_name(need.name), "0"), True)
    ]
    assert not missing, f"{missing}: run `make lock`"


@pytest.mark.parametrize(
    "lock", ["requirements.lock", "requirements-dev.lock", "requirements-bench.lock"]
)
def test_every_line_of_the_lock_is_a_pin_with_hashes(lock: str) -> None:
    text = re.sub(r"\\\n\s*", "", (ROOT / lock).read_text("utf-8"))
    lines = [
        line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")
    ]
    pin = re.compile(rf"^[\w.-]+(\[[\w,-]+\])?==\S+( ; [^\n]*?)?\s*({HASH}\s*)+$")
    assert not [line[:80] for line in lines if not pin.match(line)]


def test_both_locks_agree() -> None:
    dev = pins("requirements-dev.lock")
    assert not {n: v for n, v in pins("requirements.lock").items() if dev.get(n) != v}


def test_what_builds_is_what_is_locked() -> None:
    assert project()["build-system"]["requires"] == project()["dependency-groups"]["build"]


@pytest.mark.parametrize("package", [services, shared])
def test_the_packages_are_those_of_this_checkout(package: Any) -> None:
    assert package.__file__ == str(ROOT / package.__name__ / "__init__.py")
    claims = importlib.metadata.packages_distributions().get(package.__name__, [])
    assert set(claims) <= {"siyu"}


def test_the_command_is_installed() -> None:
    scripts = importlib.metadata.entry_points(group="console_scripts", name="siyu")
    assert [script.value for script in scripts] == ["services.embedded.command:main"]
