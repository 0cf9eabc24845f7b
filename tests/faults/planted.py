"""Runs a command of ours with a mistake in it: `python -m tests.faults.planted NAME run quota api`.

The text of a module is changed as it is read. What is changed must be there exactly once, or nothing starts.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import CodeType, ModuleType

from tests.faults.bugs import BUGS, DIES_OF_ONE, Edit


class Planter(importlib.abc.MetaPathFinder):
    """Finds the modules that a mistake changes before anybody else does."""

    def __init__(self, edits: Sequence[Edit]) -> None:
        early = {edit.module for edit in edits} & set(sys.modules)
        if early:
            raise ImportError(f"too late for {early}")
        self._edits = edits

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The module with its text changed, or nothing of ours."""
        mine = [edit for edit in self._edits if edit.module == fullname]
        found = importlib.machinery.PathFinder.find_spec(fullname, path, target) if mine else None
        if found is None or found.origin is None:
            return None
        return importlib.util.spec_from_file_location(
            fullname,
            found.origin,
            loader=_Changed(fullname, found.origin, mine),
            submodule_search_locations=found.submodule_search_locations,
        )


class _Changed(importlib.machinery.SourceFileLoader):
    def __init__(self, fullname: str, path: str, edits: Sequence[Edit]) -> None:
        super().__init__(fullname, path)
        self._edits = edits

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002  the loader is made for one module
        """Compiled from the changed text; what was compiled before is neither read nor written."""
        text = Path(self.path).read_text("utf-8")
        for edit in self._edits:
            text = edit.apply(text)
        code: CodeType = compile(text, self.path, "exec", dont_inherit=True)
        return code


if __name__ == "__main__":
    planted = {**BUGS, DIES_OF_ONE.name: DIES_OF_ONE}[sys.argv.pop(1)]
    sys.meta_path.insert(0, Planter(planted.edits))
    from services.embedded.command import main

    main()
