"""HTTP in: rules, conversations, people's replies, decisions."""

from fastapi import APIRouter

from services.direct_messages.api import conversations, decisions, rules

router = APIRouter()
router.include_router(rules.router)
router.include_router(conversations.router)
router.include_router(decisions.router)

__all__ = ["router"]
