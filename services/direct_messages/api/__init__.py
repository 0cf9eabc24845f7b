"""HTTP in: rules, menus, conversations, people's replies, decisions, consent texts."""

from services.direct_messages.api import (
    agents,
    conversations,
    decisions,
    drafts,
    hand_offs,
    leads,
    menus,
    notes,
    precedence,
    promises,
    recalling,
    reports,
    rules,
    trials,
    updates,
)
from shared.http.routing import Router

router = Router()
router.include_router(rules.router)
router.include_router(drafts.router)
router.include_router(menus.router)
router.include_router(precedence.router)
router.include_router(trials.router)
router.include_router(reports.router)
router.include_router(conversations.router)
router.include_router(decisions.router)
router.include_router(recalling.router)
router.include_router(leads.router)
router.include_router(agents.router)
router.include_router(hand_offs.router)
router.include_router(notes.router)
router.include_router(promises.router)
router.include_router(updates.router)

__all__ = ["router"]
