"""What is known of a fan, and how a lead lives."""

from services.fans.domain.fans import Fan, Filter, Observation, Tier, Told, is_news, observe, tiered
from services.fans.domain.leads import Attribution, Lead, Stage, StageRefused

__all__ = [
    "Attribution",
    "Fan",
    "Filter",
    "Lead",
    "Observation",
    "Stage",
    "StageRefused",
    "Tier",
    "Told",
    "is_news",
    "observe",
    "tiered",
]
