"""What happens in groups outside the API: fans come, speak and go; posts appear by themselves."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from services.douyin_simulator.actions.fans import known_fan, new_event
from services.douyin_simulator.actions.publishing import publish
from services.douyin_simulator.actions.world import World
from services.douyin_simulator.clients import Event
from services.douyin_simulator.domain import events
from services.douyin_simulator.domain.groups import (
    GREETING,
    Applicant,
    Group,
    GroupMessage,
    GroupSetting,
    JoinRequest,
    JoinState,
    why_not,
)
from services.douyin_simulator.domain.platform import Account, Fan
from services.douyin_simulator.domain.traits import FanTraits
from services.douyin_simulator.store import kept


@dataclass(frozen=True, slots=True)
class Joining:
    """What became of a fan's wish to join: joined, applied or refused, and why."""

    outcome: str
    fan: str
    reason: str = ""
    apply_id: str = ""


class Spoken(NamedTuple):
    """The id of what was said; no event when the app has switched it off."""

    msg_id: str
    event: Event | None


def join(world: World, group: Group, person: str) -> Joining:
    """A fan wants to come in: the thresholds decide, then perhaps the owner."""
    account = world.store.state.accounts[group.account]
    fan, now_ms = known_fan(world, account, person), world.now_ms()
    if fan.open_id in group.members:
        return Joining("joined", fan.open_id, "is a member already")
    reason = why_not(group, _applicant(world, account, fan), now_ms)
    if reason:
        return Joining("refused", fan.open_id, reason)
    if not group.rules.open_audit_switch:
        _let_in(world, group, fan)
        return Joining("joined", fan.open_id)
    number = world.fresh_id("apply", account.client_key)
    request = JoinRequest(number, group.id, account.open_id, fan.open_id, JoinState.APPLIED, now_ms)
    world.store.append(kept(request))
    _tell_audit(world, request)
    return Joining("applied", fan.open_id, apply_id=number)


def decide(world: World, request: JoinRequest, state: JoinState) -> bool:
    """The owner has decided. False if the group has no room any more: then nothing changes."""
    group = world.store.state.shelves.of(Group)[request.group]
    full = len(group.members) >= group.max_members
    if full and state is JoinState.APPROVED:
        return False
    decided = replace(request, state=state)
    world.store.append(kept(decided))
    _tell_audit(world, decided)
    if state is JoinState.APPROVED:
        account = world.store.state.accounts[group.account]
        _let_in(world, group, known_fan(world, account, request.fan))
    return True


def leave(world: World, group: Group, person: str) -> bool:
    """A member goes; no event says so. False if they were none."""
    account = world.store.state.accounts[group.account]
    fan = known_fan(world, account, person).open_id
    if fan not in group.members:
        return False
    world.store.append(kept(group.without_member(fan)))
    return True


def speak(world: World, group: Group, speaker: str, fields: events.Fields) -> Spoken | None:
    """A member, or the owner by hand in the app, says something. None: no member."""
    account = world.store.state.accounts[group.account]
    fan = None if speaker == account.open_id else known_fan(world, account, speaker)
    if fan is not None and fan.open_id not in group.members:
        return None
    number, now_ms = world.fresh_id("group-said", account.client_key), world.now_ms()
    who = account.open_id if fan is None else fan.open_id
    said = GroupMessage(number, group.id, account.open_id, who, "member", fields, now_ms)
    world.store.append(kept(said))
    return Spoken(number, _tell_message(world, account, said, fan))


def sync_post(world: World, account: Account, what: str, content: dict[str, Any]) -> None:
    """A new video or a live start appears in every group whose switch for it is on."""
    for group in list(world.store.state.shelves.of(Group).values()):
        rules = group.rules
        wanted = rules.item_auto_sync if what == "item" else rules.live_auto_sync
        if group.account == account.open_id and wanted:
            number = world.fresh_id("group-sync", account.client_key)
            fields = events.message_fields(content)
            post = GroupMessage(
                number, group.id, account.open_id, account.open_id, what, fields, world.now_ms()
            )
            world.store.append(kept(post))
            _tell_message(world, account, post, None)


def _let_in(world: World, group: Group, fan: Fan) -> None:
    now_ms, account = world.now_ms(), world.store.state.accounts[group.account]
    world.store.append(kept(group.with_member(fan.open_id)))
    content = {
        "open_id": fan.open_id,
        "im_group_id": group.id,
        "group_type": 1,
        "create_time": now_ms,
        "create_group_type": str(group.rules.group_type),
    }
    parties = (account.client_key, fan.open_id, account.open_id)
    event = new_event(world, events.GROUP_JOINED, parties, content)
    publish(world, event, conversation_id=group.id)
    setting = world.store.state.shelves.of(GroupSetting).get(f"{group.id}/{GREETING}")
    for message in setting.messages if setting else ():
        number = world.fresh_id("greeting", account.client_key)
        world.store.append(
            kept(
                GroupMessage(
                    number, group.id, account.open_id, account.open_id, "greeting", message, now_ms
                )
            )
        )


def _applicant(world: World, account: Account, fan: Fan) -> Applicant:
    state, pair = world.store.state, (account.open_id, fan.open_id)
    traits = state.shelves.of(FanTraits).get(fan.open_id, FanTraits(fan.open_id))
    return Applicant(
        state.follows.get(pair, False),
        state.followed_at_ms.get(pair),
        traits.club_level,
        traits.active,
    )


def _tell_audit(world: World, request: JoinRequest) -> None:
    account = world.store.state.accounts[request.account]
    fan = known_fan(world, account, request.fan)
    content = {
        "group_id": request.group,
        "apply_id": request.id,
        "apply_status": int(request.state),
        "user_nicker": fan.nickname,
        "user_avatar": fan.avatar,
        "create_time": request.created_at_ms,
    }
    parties = (account.client_key, fan.open_id, account.open_id)
    event = new_event(world, events.JOIN_AUDIT, parties, content)
    publish(world, event, conversation_id=request.group)


def _tell_message(
    world: World, account: Account, said: GroupMessage, fan: Fan | None
) -> Event | None:
    users = [events.account_info(account)]
    parties = (account.client_key, account.open_id, "")
    name = events.GROUP_SENT
    if fan is not None:
        name = events.GROUP_RECEIVED
        users.insert(0, events.fan_info(fan))
        sender = account.open_id if world.manners.group_sender == "owner" else fan.open_id
        parties = (account.client_key, sender, account.open_id)
    fields = {"source": "", **said.content, "user_infos": users}
    content = events.group_content(said.group, said.id, said.at_ms, account.open_id, fields)
    event = new_event(world, name, parties, content)
    return publish(world, event, conversation_id=said.group)
