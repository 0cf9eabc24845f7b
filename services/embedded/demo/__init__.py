"""The demo shop of embedded mode: its tenant, its rules, and the commands that play with it."""

from services.embedded.demo.rules import RULES
from services.embedded.demo.tenant import ACCOUNT, ORGANIZATION, seed

__all__ = ["ACCOUNT", "ORGANIZATION", "RULES", "seed"]
