"""Conversations as data: shops with their rules, and what fans do and get, message by message.

What is expected is written down from what the product promises. It is never copied from a run.
"""

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

FOLDER: Final = Path(__file__).parent / "conversations"
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_SPAN: Final = re.compile(r"([0-9]+)([smhd])")
_ACTS: Final = (
    *("says", "taps", "shows", "enters", "follows", "fills", "waits"),
    *("answers", "types", "hands_to", "ranks", "later", "until"),
)
_DECIDED: Final = frozenset({"says", "taps", "shows", "enters", "follows", "fills", "waits"})


def _spelt(text: str) -> str:
    if not _SPAN.fullmatch(text):
        raise ValueError(f"{text!r} is no span of time: write 31s, 15m, 24h or 31d")
    return text


Span = Annotated[str, AfterValidator(_spelt)]
Sent = str | dict[str, Any]  # a text; or a message object of the platform, one_of or same


def span_of(text: str) -> timedelta:
    """`31s`, `15m`, `24h`, `31d`."""
    return timedelta(**{_UNITS[text[-1]]: int(text[:-1])})


class Part(BaseModel):
    """Known fields only, of exactly the types that they name."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Step(Part):
    """One thing that happens, and everything that comes of it."""

    says: str | None = None  # the fan, a text
    taps: str | None = None  # the fan, a question of a card
    shows: str | None = None  # the fan, a message of this type of the platform's
    enters: bool | None = None
    follows: bool | None = None
    fills: dict[str, str] | None = None  # the fan, the shop's lead card
    waits: Span | None = None  # the fan, so long that a rule is asked about it
    answers: str | None = None  # a person, through the API
    types: str | None = None  # a person, in Douyin's app
    ranks: str | None = None  # the shop says in which tier the fan is
    hands_to: str | None = None  # a person takes the conversation, or gives it back
    later: Span | None = None
    until: str | None = None  # "mon 10:00", in Shanghai

    via: Literal["ad", "video"] | None = None  # with enters: how she came
    late: Span | None = None  # with says: written so long ago, and told only now
    sends: list[Sent] = Field(default_factory=list)
    rule: str | list[str] | None = None  # which one fired; of a list, one
    why: str | None = None  # the outcome where nothing is sent; of a person, the refusal's code
    owner: str | None = None  # who owns the conversation now, and for what reason
    reason: str | None = None
    unmet: dict[str, str] = Field(default_factory=dict)  # rules whose condition did not hold
    tags: list[str] | None = None
    notifies: str | None = None  # what the shop's own system is told: the label, or "" without one
    promises: dict[str, str] = Field(default_factory=dict)  # any, human → met or breached
    # the fan's contact, as a lead, its stage, and what brought it: came_by, ad_id, item_id
    lead: dict[str, str | None] | None = None

    @model_validator(mode="after")
    def _one_thing_happens(self) -> "Step":
        if len([name for name in _ACTS if getattr(self, name) is not None]) != 1:
            raise ValueError(f"give exactly one of {', '.join(_ACTS)}")
        if self.is_decided and not self.sends and self.why is None:
            raise ValueError(f"nothing is sent on {self.words!r}: say why")
        if self.is_decided and self.sends and self.rule is None:
            raise ValueError(f"something is sent on {self.words!r}: say by which rule")
        return self

    @property
    def act(self) -> str:
        """What happens."""
        return next(name for name in _ACTS if getattr(self, name) is not None)

    @property
    def is_decided(self) -> bool:
        """Whether the bot has to decide on it."""
        return self.act in _DECIDED and self.follows is not False

    @property
    def words(self) -> str:
        """The step as a failure names it."""
        return f"{self.act}: {getattr(self, self.act)}"

    @property
    def fired(self) -> tuple[str, ...]:
        """The rules that may have fired."""
        return (self.rule,) if isinstance(self.rule, str) else tuple(self.rule or ())


class Conversation(Part):
    """What one new fan and one shop do."""

    name: str
    steps: Annotated[list[Step], Field(min_length=1)]

    @property
    def moves_time(self) -> bool:
        """Whether it has to be alone with the clock."""
        return any(step.later or step.until or step.waits for step in self.steps)


class Shop(Part):
    """An account with rules of its own: bodies of the API. `$card` and its like name the shop's things."""

    shop: str
    policy: dict[str, Any] = Field(default_factory=dict)
    rules: list[dict[str, Any]]
    conversations: list[Conversation]

    def fired(self) -> set[str]:
        """Names of the rules that fire in some conversation."""
        return {name for talk in self.conversations for step in talk.steps for name in step.fired}


def read_shops() -> dict[str, Shop]:
    """Every shop, by the name of its file."""
    return {
        file.stem: Shop.model_validate(yaml.safe_load(file.read_text("utf-8")))
        for file in sorted(FOLDER.glob("*.yaml"))
    }
