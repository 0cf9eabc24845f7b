"""Which lead cards a rule may send: the account's own. Nothing is known of other things that have an id."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from services.direct_messages.domain.items import Fault, LeadCardReply
from services.direct_messages.domain.policy import Policy
from services.direct_messages.domain.rules import Definition

_KEY = "dm.card.ownership"
_UNKNOWN = (
    "no card of this account is known by this id: GET /v1/accounts/{account_id}/cards looks again"
)


@dataclass(frozen=True, slots=True)
class Card:
    """A card that an account has, or had."""

    card_id: str
    account_id: str
    is_there: bool

    def is_gone_of(self, account_id: str) -> bool:
        """Whether that account had it and has it no longer."""
        return self.account_id == account_id and not self.is_there


def cards_of(definition: Definition) -> dict[str, str]:
    """Where in the rule a card is named (a JSON pointer) → its id."""
    return {
        f"#/replies/{number}/card_id": reply.card_id
        for number, reply in enumerate(definition.replies)
        if isinstance(reply, LeadCardReply)
    }


def card_faults(
    definition: Definition, account_id: str, known: Iterable[Card], policy: Policy
) -> Iterator[Fault]:
    """What is wrong with the cards of a rule. Of a card that nobody saw yet, policy decides."""
    seen: dict[str, list[Card]] = {}
    for card in known:
        seen.setdefault(card.card_id, []).append(card)
    for place, card_id in cards_of(definition).items():
        found = seen.get(card_id, [])
        own = next((card for card in found if card.account_id == account_id), None)
        if own is not None and own.is_gone_of(account_id):
            yield Fault(place, "this card was deleted", _KEY)
        elif own is None and found:
            yield Fault(place, "this is a card of another account", _KEY)
        elif own is None and policy.only_known_cards:
            yield Fault(place, _UNKNOWN, _KEY)
