"""HTTP in: rules, conversations, people's replies, decisions, consent texts."""

from services.direct_messages.api import (
    conversations,
    decisions,
    drafts,
    leads,
    precedence,
    recalling,
    reports,
    rules,
    trials,
)
from shared.http.routing import Router

router = Router()
router.include_router(rules.router)
router.include_router(drafts.router)
router.include_router(precedence.router)
router.include_router(trials.router)
router.include_router(reports.router)
router.include_router(conversations.router)
router.include_router(decisions.router)
router.include_router(recalling.router)
router.include_router(leads.router)

__all__ = ["router"]
