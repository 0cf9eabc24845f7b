"""The product's source files as syntax trees, and the files of the repository as git sees them."""

import ast
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[2]
NO_SERVICE_SHAPE = "embedded"  # imports them all, and is no service itself


@dataclass(frozen=True)
class Source:
    """One Python file: where it lies in the repository, and its syntax tree."""

    path: PurePosixPath
    text: str
    tree: ast.Module

    @property
    def lines(self) -> int:
        return self.text.count("\n")

    @property
    def service(self) -> str | None:
        """The service whose file this is, if it is one's."""
        parts = self.path.parts
        return parts[1] if parts[0] == "services" and len(parts) > 2 else None

    @property
    def room(self) -> str | None:
        """The room of its service: `api` for services/quota/api.py and services/quota/api/x.py."""
        return self.path.parts[2].removesuffix(".py") if self.service else None

    def is_below(self, *places: str) -> bool:
        """Whether the file is one of `places` or lies in one; `shared/db` means db.py as well."""
        name = self.path.as_posix()
        return any(name == f"{p}.py" or name.startswith(f"{p}/") for p in places)


def source(path: str, text: str) -> Source:
    """A source as if it lay at `path`."""
    return Source(PurePosixPath(path), text, ast.parse(text, path))


@cache
def files() -> tuple[PurePosixPath, ...]:
    """What a commit of everything would contain: tracked and new files, nothing that is ignored."""
    command = [
        "git",
        "-c",
        "safe.directory=*",
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    paths = (PurePosixPath(name) for name in sorted(set(listed.split("\0"))) if name)
    return tuple(path for path in paths if (ROOT / path).is_file())


@cache
def sources(*tops: str) -> tuple[Source, ...]:
    """Every Python file below the given top-level folders."""
    names = (p for p in files() if p.suffix == ".py" and p.parts[0] in tops)
    return tuple(source(str(p), (ROOT / p).read_text("utf-8")) for p in names)


def product() -> tuple[Source, ...]:
    """What runs: services and shared, without migrations, which are history and not edited."""
    return tuple(s for s in sources("services", "shared") if s.room != "migrations")


def services() -> tuple[str, ...]:
    """The names of the services that exist."""
    names = {s.service for s in sources("services") if s.service}
    return tuple(sorted(names - {NO_SERVICE_SHAPE}))


class Names:
    """What the names of a file mean: `dt.now` is `datetime.datetime.now` if it was imported so."""

    def __init__(self, tree: ast.Module) -> None:
        self.imported: dict[str, str] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for name in node.names:
                    top = name.name.partition(".")[0]
                    self.imported[name.asname or top] = name.name if name.asname else top
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for name in node.names:
                    self.imported[name.asname or name.name] = f"{node.module}.{name.name}"

    def of(self, node: ast.AST) -> str | None:
        """The dotted name that an expression stands for; None if it is not a plain name."""
        match node:
            case ast.Name(id=name):
                return self.imported.get(name, name)
            case ast.Attribute(value=value, attr=attr):
                owner = self.of(value)
                return f"{owner}.{attr}" if owner else None
            case ast.Subscript(value=value):
                return self.of(value)
        return None


def uses(code: Source) -> Iterator[tuple[int, str]]:
    """Every name that a file uses or imports from elsewhere, written out in full, with its line."""
    names = Names(code.tree)
    for node in ast.walk(code.tree):
        if isinstance(node, ast.Name | ast.Attribute) and (full := names.of(node)):
            yield node.lineno, full
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for name in node.names:
                yield node.lineno, f"{node.module}.{name.name}"


def none_of(complaints: Iterable[object]) -> None:
    """Fail with every complaint on a line of its own."""
    found = [str(complaint) for complaint in complaints]
    assert not found, "\n" + "\n".join(found)
