"""What the platform tells about a person to whoever may ask."""

from services.douyin_simulator.actions.calling import Answer, Call
from services.douyin_simulator.actions.world import World
from services.douyin_simulator.domain import codes
from services.douyin_simulator.domain.identifiers import union_id
from services.douyin_simulator.domain.phones import encrypt_phone
from services.douyin_simulator.domain.tokens import check_account_token
from services.douyin_simulator.domain.traits import AccountTraits

_PHONE_SCOPE = "mobile_alert"


def user_info(world: World, call: Call) -> Answer:
    """Name and picture of the account whose token this is; its phone, encrypted, if granted."""
    state = world.store.state
    open_id, value = call.text("open_id"), call.access_token or call.text("access_token")
    if not open_id or not value:
        return codes.PARAMETER_ERROR
    token = state.tokens.get(value)
    refused = check_account_token(token, open_id, world.now_ms())
    if refused or token is None:
        return refused
    account = state.accounts[open_id]
    profile = {
        "open_id": open_id,
        "union_id": union_id(state.world_id, open_id),
        "nickname": account.nickname,
        "avatar": "https://example.com/b.jpeg",
    }
    traits = state.shelves.of(AccountTraits).get(open_id)
    if traits is not None and traits.phone and token.grants(_PHONE_SCOPE):
        secret = state.apps[token.client_key].client_secret
        profile["encrypt_mobile"] = encrypt_phone(traits.phone, secret) or ""
    return dict(profile)
