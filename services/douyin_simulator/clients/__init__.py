"""Calls out: signed webhooks to the apps. `controls` asks a simulator that runs elsewhere."""

from services.douyin_simulator.clients.connections import Answer, Target, UnusableUrlError
from services.douyin_simulator.clients.webhooks import Attempt, Event, Outcome, Webhooks

__all__ = ["Answer", "Attempt", "Event", "Outcome", "Target", "UnusableUrlError", "Webhooks"]
