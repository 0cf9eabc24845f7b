"""What one decision is made of: what the fan did, and everything that was known then."""

from dataclasses import dataclass
from datetime import datetime

from services.direct_messages.domain.conversations import Conversation
from services.direct_messages.domain.matching import CompiledRules
from services.direct_messages.domain.policy import Policy
from services.direct_messages.domain.rules import Trigger


@dataclass(frozen=True, slots=True)
class Inbound:
    """What happened. `at` is when its window opened."""

    trigger: Trigger  # message, enter, follow, or a lead: a message that is a filled-in card
    message_id: str  # ours
    platform_id: str | None
    text: str | None
    at: datetime
    epoch: int | None = None  # of a follow
    kind: str = "text"  # of a message, the platform's word
    joins: tuple[str, ...] = ()  # messages just before, whose words are in `text` too
    said: str | None = None  # what this message itself said, where it joins others
    is_part: bool = False  # it is decided with the message that joins it

    @property
    def own_text(self) -> str | None:
        """What this message itself said."""
        return self.text if self.said is None else self.said

    @property
    def is_message(self) -> bool:
        """Whether it opens a window for replies."""
        return self.trigger in {Trigger.MESSAGE, Trigger.LEAD}


@dataclass(frozen=True, slots=True)
class FanFacts:
    """What is known of the fan. Unknown counts as not following."""

    follows: bool | None = None
    observed_at: datetime | None = None
    epoch: int | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """The inputs of one decision."""

    inbound: Inbound
    conversation: Conversation
    facts: FanFacts
    rules: CompiledRules
    policy: Policy
    now: datetime
    seed: str
