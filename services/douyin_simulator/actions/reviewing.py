"""What becomes of cards outside the API: reviewers judge them, fans fill them in."""

from dataclasses import replace

from services.douyin_simulator.actions.world import World
from services.douyin_simulator.domain import events
from services.douyin_simulator.domain.cards import (
    COMPONENTS,
    AppletTemplate,
    LeadCard,
    Review,
    filled_in,
)
from services.douyin_simulator.store import kept

_ANSWERED = 1


def judge(world: World, number: str, verdict: Review, reason: str) -> bool:
    """A reviewer decides on a lead card or template. False if there is none."""
    shelves = world.store.state.shelves
    card = shelves.of(LeadCard).get(number)
    template = shelves.of(AppletTemplate).get(number)
    if card is not None:
        world.store.append(kept(replace(card, verdict=verdict)))
    elif template is not None:
        world.store.append(kept(replace(template, verdict=verdict, reason=reason)))
    return card is not None or template is not None


def answered_card(
    world: World, account: str, card_id: str, values: dict[str, str]
) -> events.Fields | str:
    """The fields of the message that a filled-in card becomes, or what is wrong with it."""
    card = world.store.state.shelves.of(LeadCard).get(card_id)
    if card is None or card.account != account:
        return f"{account} has no lead card {card_id}"
    labels = [COMPONENTS[one] for one in card.components]
    unknown = [label for label in values if label not in labels]
    if unknown:
        return f"the card does not ask for {unknown[0]} but for {', '.join(labels)}"
    return {
        "message_type": "retain_consult_card",
        "card_id": card_id,
        "card_status": _ANSWERED,
        "card_data": filled_in(card.components, values),
    }
