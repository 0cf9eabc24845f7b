"""Reads transcripts out of a document, and plays them again: what it shows is what the commands print."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_BLOCK = re.compile(r"^```\n(\$ .*?)^```$", re.MULTILINE | re.DOTALL)
# what differs from run to run: ids and tokens, platform ids, times, how long it took
_CHANGING = re.compile(
    r"\b(?:(?:clt|act|rft|code)\.|[a-z-]+_)?[0-9a-f]{24,}\b|@[A-Za-z0-9+/]{22}==|\b\d{13}\b|\b\d+ ms\b"
)
Run = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Shown:
    """A command, and what the document says that it prints."""

    command: str
    output: str

    def same_as(self, printed: str) -> bool:
        """Whether it was printed so, ids and times aside."""
        return _CHANGING.sub("*", printed.strip()) == _CHANGING.sub("*", self.output)

    def now(self, printed: str) -> dict[str, str]:
        """What is in place of each id that is shown: the next command may name it."""
        pairs = zip(_CHANGING.findall(self.output), _CHANGING.findall(printed), strict=False)
        return dict(pairs)


def transcripts(document: str) -> Iterator[Shown]:
    """Every command that is shown with its output, in order."""
    for block in _BLOCK.findall(document):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.replace("\\\n", "").partition("\n")
            yield Shown(command, output.strip())


def play(document: str, run: Run) -> Iterator[tuple[Shown, str]]:
    """Run each command, with the ids of this run, and what it printed."""
    known: dict[str, str] = {}
    for shown in transcripts(document):
        command = shown.command
        for old, new in known.items():
            command = command.replace(old, new)
        printed = run(command).strip()
        known |= shown.now(printed)
        yield shown, printed
