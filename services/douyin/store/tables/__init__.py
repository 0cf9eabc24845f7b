"""Tables of the schema `douyin`."""

from services.douyin.store.tables.accounts import app, authorisation_link, binding, known_account
from services.douyin.store.tables.looks import follow_check, owner, repair, subscription
from services.douyin.store.tables.messages import attempt
from services.douyin.store.tables.posts import broadcast, look, video
from services.douyin.store.tables.schema import metadata

__all__ = [
    "app",
    "attempt",
    "authorisation_link",
    "binding",
    "broadcast",
    "follow_check",
    "known_account",
    "look",
    "metadata",
    "owner",
    "repair",
    "subscription",
    "video",
]
