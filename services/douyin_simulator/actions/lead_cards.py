"""Lead cards of an account: saved, listed, deleted, and reviewed."""

from services.douyin_simulator.actions.calling import Answer, Call
from services.douyin_simulator.actions.references import check_image
from services.douyin_simulator.actions.world import World
from services.douyin_simulator.domain import codes
from services.douyin_simulator.domain.cards import LeadCard, components_of, review_of
from services.douyin_simulator.store import kept, taken


def save_card(world: World, call: Call) -> Answer:
    """Create a card, or change one; either way its review begins anew."""
    title, media_id, card_id = call.text("title"), call.text("media_id"), call.text("card_id")
    components = components_of(call.fields.get("components"))
    if not title or not media_id or components is None:
        return codes.ILLEGAL_PARAMETER
    known = world.store.state.shelves.of(LeadCard).get(card_id)
    foreign = card_id and (known is None or known.account != call.open_id)
    if foreign or check_image(world, call.client_key, media_id):
        return codes.ILLEGAL_PARAMETER
    number = card_id or world.fresh_id("card", call.client_key)
    card = LeadCard(number, call.open_id, title, media_id, components, world.now_ms())
    world.store.append(kept(card))
    return {"card_id": number}


def list_cards(world: World, call: Call) -> Answer:
    """All cards of the account with the state of their review."""
    review_s, now_ms = world.manners.card_review_s, world.now_ms()
    cards = [
        {
            "card_id": card.id,
            "title": card.title,
            "media_id": card.media_id,
            "components": card.components,
            "status": int(review_of(card, review_s, now_ms)),
        }
        for card in world.store.state.shelves.of(LeadCard).values()
        if card.account == call.open_id
    ]
    return {"cards": cards}


def delete_card(world: World, call: Call) -> Answer:
    """Remove a card; messages that carried it stay."""
    card = world.store.state.shelves.of(LeadCard).get(call.text("card_id"))
    if card is None or card.account != call.open_id:
        return codes.ILLEGAL_PARAMETER
    world.store.append(taken(LeadCard, card.id))
    return {}
