"""`siyu demo --reset`: both sides forget everything, and nothing is deleted.

Our databases and the simulator's state are put aside together, while nothing uses them; the next
`siyu up` finds an empty data directory and makes the demo anew. A running system is left alone.
"""

from datetime import UTC, datetime
from pathlib import Path

from services.embedded.data_directory import DataDirectory
from services.embedded.servers import CannotStart
from services.embedded.settings import EmbeddedSettings

ASIDE = "before-reset"
_STAYS = frozenset({"lock", ASIDE})


def start_anew() -> str:
    """Put the data aside; a sentence that says where. Raises CannotStart while something runs."""
    settings = EmbeddedSettings.read()
    if settings.database_url is not None or settings.redis_url is not None:
        raise CannotStart(
            "DATABASE_URL or REDIS_URL names a server that is not ours, so nothing was reset: empty it yourself."
        )
    if not settings.data_dir.is_dir():
        return f"There is nothing to reset: {settings.data_dir} does not exist."
    try:
        with DataDirectory(settings.data_dir) as data:
            return _put_aside(data.path)
    except CannotStart as problem:
        raise CannotStart(f"{problem} Stop it first (Ctrl-C); nothing was reset.") from None


def _put_aside(folder: Path) -> str:
    old = [entry for entry in folder.iterdir() if entry.name not in _STAYS]
    if not old:
        return f"There is nothing to reset: {folder} is empty."
    aside = folder / ASIDE / f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}Z"
    aside.mkdir(mode=0o700, parents=True)
    for entry in old:
        entry.rename(aside / entry.name)
    return f"Both sides start anew with the next `make run`. What was there is in {aside}."
