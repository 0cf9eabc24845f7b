"""How the story looks in a terminal; piped, it is the same text without colours."""

from contextlib import AbstractContextManager
from typing import Any

from rich.console import Console
from rich.markup import escape

from services.embedded.demo.asking import Budget

_WHO = {
    "fan": "[bold]fan 粉丝[/]    ",
    "bot": "[green]bot 机器人[/]  ",
    "person": "[cyan]person 人工[/]",
    "refused": "[red]refused 拒绝[/]",
    "why": "[dim]why 为什么[/]  ",
}
_INDENT = "     "


class Screen:
    """Prints one line as each thing happens."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._steps = 0

    def title(self, text: str) -> None:
        """A line before or after the story."""
        self._console.print(escape(text))

    def step(self, text: str) -> None:
        """The next part of the story begins."""
        self._steps += 1
        self._console.print(f"\n[bold]{self._steps}[/]  {escape(text)}")

    def says(self, who: str, text: str, state: str = "") -> None:
        """Somebody's words, and what became of them."""
        ending = f"  [dim]({escape(state)})[/]" if state else ""
        self._console.print(f"{_INDENT}{_WHO[who]}  {escape(text)}{ending}")

    def why(self, *facts: str) -> None:
        """The decision behind what was just said."""
        self._console.print(f"{_INDENT}{_WHO['why']}  [dim]{escape(' · '.join(facts))}[/]")

    def waiting(self, text: str) -> AbstractContextManager[Any]:
        """Something that turns while we wait; nothing where there is no terminal."""
        return self._console.status(f"[dim]{escape(text)}[/]")


def moved(before: Budget, after: Budget) -> str:
    """A budget before and after."""
    cap = "no limit applies" if after.cap is None else f"of {after.cap}"
    return f"quota dm.reply {before.taken} → {after.taken}, {cap}".replace(", of", " of")
