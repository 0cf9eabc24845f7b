"""What the simulator remembers: state in memory, and the journal from which it is rebuilt."""

from services.douyin_simulator.store.journal import BrokenDataDirectoryError, Journal
from services.douyin_simulator.store.shelves import kept, taken
from services.douyin_simulator.store.state import PendingEvent, SentMessage, State
from services.douyin_simulator.store.store import Store

__all__ = [
    "BrokenDataDirectoryError",
    "Journal",
    "PendingEvent",
    "SentMessage",
    "State",
    "Store",
    "kept",
    "taken",
]
