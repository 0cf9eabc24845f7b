"""What a running system takes on disk."""

from pathlib import Path

from tests.load.system import System

# PostgreSQL may lie outside the folder, where its own user can enter: it is asked. Its write-ahead log is
# left out: it has its size whatever lies there.
_POSTGRES = "SELECT pg_database_size(current_database())"


def used(system: System, folder: Path) -> int:
    """Bytes: PostgreSQL's tables and indexes, the simulator's record, Valkey's, the logs."""
    beside = (p for p in folder.rglob("*") if p.relative_to(folder).parts[0] != "postgres")
    return int(system.sql(_POSTGRES)[0][0]) + sum(p.stat().st_size for p in beside if p.is_file())
