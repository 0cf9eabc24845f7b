"""Taking messages back, by the account through the API or by a fan in the app."""

from services.douyin_simulator.actions.calling import Answer, Call
from services.douyin_simulator.actions.publishing import publish
from services.douyin_simulator.actions.world import World
from services.douyin_simulator.domain import codes, events
from services.douyin_simulator.domain.grants import Recall
from services.douyin_simulator.domain.groups import Group, GroupMessage
from services.douyin_simulator.domain.identifiers import log_id
from services.douyin_simulator.domain.platform import Account
from services.douyin_simulator.store import kept

_DIRECT, _GROUP = 1, 2


def recall(world: World, call: Call) -> Answer:
    """The account takes back what it sent, or as owner of a group what anybody said in it."""
    msg_id, place = call.text("msg_id"), call.text("conversation_id")
    kind = call.number("conversation_type")
    if not msg_id or not place or kind not in (_DIRECT, _GROUP):
        return codes.ILLEGAL_PARAMETER
    found = _sent_at(world, call, msg_id, place)
    if kind == _GROUP:
        said = world.store.state.shelves.of(GroupMessage).get(msg_id)
        owned = world.store.state.shelves.of(Group).get(place)
        if owned is None or owned.account != call.open_id:
            return codes.MESSAGE_MISMATCH
        if said is not None and said.group == place:
            found = (said.speaker, said.at_ms)
    if found is None or msg_id in world.store.state.shelves.of(Recall):
        return codes.MESSAGE_MISMATCH
    fan, at_ms = found
    limit_ms = world.caps.recall_valid_s * 1000
    if kind == _DIRECT and limit_ms and world.now_ms() - at_ms > limit_ms:
        return codes.MESSAGE_ID_EXPIRED
    account = world.store.state.accounts[call.open_id]
    _take_back(world, account, msg_id, (account.open_id, fan))
    return {}


def fan_recalls(world: World, account: Account, fan: str, msg_id: str) -> str:
    """A fan takes a message back. Returns why that cannot be; empty if it can."""
    state = world.store.state
    context = state.contexts.get((account.open_id, msg_id))
    said = state.shelves.of(GroupMessage).get(msg_id)
    own = (context is not None and context.fan == fan) or (said and said.speaker == fan)
    if not own:
        return f"{fan} has not written {msg_id}"
    if msg_id in state.shelves.of(Recall):
        return f"{msg_id} is recalled already"
    late_ms = world.caps.member_recall_s * 1000
    if said is not None and world.now_ms() - said.at_ms > late_ms:
        return f"a member may recall for {world.caps.member_recall_s} seconds only"
    _take_back(world, account, msg_id, (fan, account.open_id))
    return ""


def _sent_at(world: World, call: Call, msg_id: str, place: str) -> tuple[str, int] | None:
    seq = world.store.state.sent_ids.get(msg_id)
    if seq is None:
        return None
    message = world.store.sent_message(seq)
    if message.open_id != call.open_id or message.conversation_id != place:
        return None
    return message.to_user_id, message.accepted_at_ms


def _take_back(world: World, account: Account, msg_id: str, parties: tuple[str, str]) -> None:
    now_ms = world.now_ms()
    world.store.append(kept(Recall(msg_id, parties[0], now_ms)))
    log = log_id(now_ms, world.store.state.records)
    event = events.Event(
        events.RECALLED,
        account.client_key,
        *parties,
        log,
        {"server_message_id": msg_id},
        msg_id=msg_id,
    )
    publish(world, event, conversation_id=None)
