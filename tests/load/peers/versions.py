"""Prints which versions the peers' environment holds."""

from importlib.metadata import version

print(", ".join(f"{name} {version(name)}" for name in ("werobot", "granian", "aiogram", "limits")))
