"""What one decision is made of: what the fan did, everything that was known then, and what came of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from services.direct_messages.domain.conditions import Tier
from services.direct_messages.domain.conversations import Context, Conversation, Source
from services.direct_messages.domain.effects import NotifyWebhook, SetStage, flow_of
from services.direct_messages.domain.items import Item
from services.direct_messages.domain.matching import Candidate, CompiledRules
from services.direct_messages.domain.policy import Policy
from services.direct_messages.domain.rules import Rule, Trigger


@dataclass(frozen=True, slots=True)
class Wait:
    """How long a fan had no answer; `asked` minutes of it were asked about before."""

    since: datetime
    asked: int
    minutes: int


@dataclass(frozen=True, slots=True)
class Inbound:
    """What happened. `at` is when its window opened."""

    # message, enter, follow, no_answer, or a lead: a message that is a filled-in card
    trigger: Trigger
    message_id: str  # ours
    platform_id: str | None
    text: str | None
    at: datetime
    epoch: int | None = None  # of a follow
    kind: str = "text"  # of a message, the platform's word
    joins: tuple[str, ...] = ()  # messages just before, whose words are in `text` too
    said: str | None = None  # what this message itself said, where it joins others
    source: Source | None = None  # of an entry
    wait: Wait | None = None  # of no_answer
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
    tier: Tier | None = None  # unknown counts as none


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


class Outcome(StrEnum):
    """One word for what was decided. `quota_refused` comes when quota says no."""

    REPLIED = "replied"
    SILENT = "silent"  # a rule fired that sends nothing
    HANDED_OVER = "handed_over"  # to a person, without a notice
    JOINED = "joined"  # decided with a message that came right after
    PERSON_OWNS = "person_owns"
    LOOP_GUARD = "loop_guard"
    DEFAULT_WAITS = "default_waits"  # the default reply was sent within its interval
    GREETING_WAITS = "greeting_waits"
    ANSWERED = "answered"  # the fan no longer waits
    FOLLOW_ANSWERED = "follow_answered"  # this follow epoch, or one too short ago
    NO_MATCH = "no_match"
    NO_REPLY_CONTEXT = "no_reply_context"
    WINDOW_EXPIRED = "window_expired"
    QUOTA_REFUSED = "refused"
    RELEASED = "released"  # the hold was given up before the send was requested


# a rule is named, and was not let
_NOTHING_DONE: Final = {Outcome.LOOP_GUARD, Outcome.NO_REPLY_CONTEXT}
# of a wait: it was somebody else's turn
_UNASKED: Final = {Outcome.ANSWERED, Outcome.PERSON_OWNS}


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided on a case; `found` are the rules that matched, in the order of precedence.

    The first of them whose conditions hold fires, unless something above all rules does not let it.
    """

    case: Case
    outcome: Outcome
    after: Conversation
    rule: Rule | None = None
    items: tuple[Item, ...] = ()
    context: Context | None = None
    found: tuple[Candidate, ...] = ()
    notice: NotifyWebhook | None = None  # webhooks tell that the rule fired
    learnt: tuple[tuple[str, str], ...] = ()  # of a flow that came to its end: field → message

    @property
    def leaves_wait(self) -> bool:
        """Whether it is about a wait, and no rule was asked."""
        return self.outcome in _UNASKED and self.case.inbound.wait is not None

    @property
    def stage(self) -> SetStage | None:
        """Where the rule moves the fan's lead; a rule with a flow does so when that is complete."""
        if self.rule is None or self.outcome in _NOTHING_DONE:
            return None
        effects = self.rule.definition.effects
        wanted = next((effect for effect in effects if isinstance(effect, SetStage)), None)
        return wanted if self.learnt or wanted is None or flow_of(effects) is None else None
