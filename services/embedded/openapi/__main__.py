"""`python -m services.embedded.openapi [--check] [--against REVISION_OR_FOLDER]`."""

import argparse
import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import services
from services.embedded.openapi.compatibility import breaking_changes
from services.embedded.openapi.documents import every_document, rendered

FOLDER = Path(services.__path__[0]).parent / "openapi"


def committed(name: str, against: str) -> dict[str, Any] | None:
    """What a document was in a git revision, or in a folder; None if it was not there."""
    if Path(against).is_dir():
        file = Path(against) / f"{name}.json"
        text = file.read_text("utf-8") if file.is_file() else ""
    else:
        show = ["git", "show", f"{against}:openapi/{name}.json"]
        text = subprocess.run(
            show, cwd=FOLDER.parent, capture_output=True, text=True, check=False
        ).stdout
    document: dict[str, Any] | None = json.loads(text) if text else None
    return document


def complaints(documents: dict[str, dict[str, Any]], against: str) -> list[str]:
    """Files that are not what the code says, and changes that break somebody."""
    found = []
    for name, document in documents.items():
        file = FOLDER / f"{name}.json"
        if not file.is_file() or file.read_text("utf-8") != rendered(document):
            found.append(f"openapi/{name}.json is not what the code says: run `make openapi`")
        before = committed(name, against)
        if before is not None:
            found += [
                f"openapi/{name}.json breaks: {c}" for c in breaking_changes(before, document)
            ]
    strays = {file.stem for file in FOLDER.glob("*.json")} - set(documents)
    return [*found, *(f"openapi/{name}.json belongs to no service" for name in sorted(strays))]


async def made() -> dict[str, dict[str, Any]]:
    """The documents; some clients want a running loop when they are built."""
    return every_document()


def main() -> int:
    """Write the documents, or check them: 1 if something is wrong."""
    options = argparse.ArgumentParser(description="The contracts in openapi/, from the code.")
    options.add_argument("--check", action="store_true", help="write nothing, judge")
    options.add_argument("--against", default="HEAD", help="revision or folder to compare with")
    chosen = options.parse_args()
    documents = asyncio.run(made())
    if chosen.check:
        wrong = complaints(documents, chosen.against)
        print("\n".join(wrong), end="\n" if wrong else "")
        return 1 if wrong else 0
    FOLDER.mkdir(exist_ok=True)
    for name, document in documents.items():
        (FOLDER / f"{name}.json").write_text(rendered(document), "utf-8")
    print(f"openapi: {len(documents)} documents written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
