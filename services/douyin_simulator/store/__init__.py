"""What the simulator remembers: state in memory, and the journal from which it is rebuilt."""

from services.douyin_simulator.store.journal import BrokenDataDirectoryError, Journal
from services.douyin_simulator.store.shelves import kept, taken
from services.douyin_simulator.store.state import PendingEvent, State
from services.douyin_simulator.store.store import SentMessage, Store

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
