"""Fan groups as apps see them: create, list, decide on applications, set up, write into."""

from typing import Any, Final

from services.douyin_simulator.actions.calling import Answer, Call
from services.douyin_simulator.actions.group_life import decide
from services.douyin_simulator.actions.references import check_references, check_template
from services.douyin_simulator.actions.sending import Envelope, accept
from services.douyin_simulator.actions.world import World
from services.douyin_simulator.domain import codes, contents
from services.douyin_simulator.domain.groups import (
    FAN_CLUB_LEVELS,
    GREETING,
    GROUP_TYPES,
    NOTICE,
    RELATIONS,
    Group,
    GroupRules,
    GroupSetting,
    JoinRequest,
    JoinState,
)
from services.douyin_simulator.domain.platform import platform_day
from services.douyin_simulator.domain.sends import GROUP_SCENE
from services.douyin_simulator.store import kept, taken

_PAGE_MAX: Final = 50
_SWITCHES: Final = (
    "allow_invite", "open_audit_switch", "show_at_profile", "live_auto_sync", "item_auto_sync",
)  # fmt: skip
_SENDABLE: Final = frozenset(
    {
        contents.TEXT, contents.IMAGE, contents.VIDEO, contents.LEAD_CARD, contents.APPLET_CARD,
    }
)  # fmt: skip
_SETTABLE: Final = frozenset({contents.TEXT, contents.APPLET_CARD, contents.APPLET_COUPON})


def left_count(world: World, call: Call) -> Answer:
    """How many groups the account may still create."""
    return {"left_count": max(0, world.caps.groups_per_account - len(_own(world, call)))}


def create_group(world: World, call: Call) -> Answer:
    """Create a group with its thresholds and switches."""
    name, avatar = call.text("group_name"), call.text("avatar_uri")
    description, rules = call.text("description"), _rules(call)
    if not (name and avatar and description) or rules is None:
        return codes.ILLEGAL_PARAMETER
    if len(_own(world, call)) >= world.caps.groups_per_account:
        return codes.DAILY_QUOTA_USED_UP
    number = world.fresh_id("group", call.client_key)
    size, now_ms = world.caps.group_max_members, world.now_ms()
    group = Group(number, call.open_id, name, description, avatar, rules, size, now_ms)
    world.store.append(kept(group))
    return {"group_id": number}


def list_groups(world: World, call: Call) -> Answer:
    """All groups of the account."""
    return {"group_list": [_shown(group) for group in _own(world, call).values()]}


def pending_joins(world: World, call: Call) -> Answer:
    """Applications, page by page; decided ones leave gaps in the pages, as on the platform."""
    cursor, count = call.number("cursor", 0), call.number("count")
    if cursor is None or count is None or cursor < 0 or not 0 < count <= _PAGE_MAX:
        return codes.ILLEGAL_PARAMETER
    requests = world.store.state.shelves.of(JoinRequest).values()
    own = [one for one in requests if one.account == call.open_id]
    page = own[cursor : cursor + count]
    applied = [
        {
            "apply_id": one.id,
            "apply_status": int(one.state),
            "create_time": one.created_at_ms,
            "group_id": one.group,
            "user_id": one.fan,
        }
        for one in page
        if one.state is JoinState.APPLIED
    ]
    has_more = cursor + count < len(own)
    return {"apply_list": {"list": applied, "cursor": cursor + len(page), "has_more": has_more}}


def decide_join(world: World, call: Call) -> Answer:
    """Let an applicant in, or not; an application is decided once."""
    request = world.store.state.shelves.of(JoinRequest).get(call.text("apply_id"))
    status = call.number("status")
    if request is None or request.account != call.open_id:
        return codes.ILLEGAL_PARAMETER
    if status not in (JoinState.APPROVED, JoinState.REFUSED):
        return codes.ILLEGAL_PARAMETER
    if request.state is not JoinState.APPLIED:
        return {"success": False}
    return {"success": decide(world, request, JoinState(status))}


def set_up(world: World, call: Call) -> Answer:
    """Set the greeting or the notice of a group: one to three messages."""
    kind, said = call.number("group_setting_type"), call.fields.get("msg_list")
    group = _own(world, call).get(call.text("group_id"))
    if group is None or kind not in (GREETING, NOTICE) or not isinstance(said, list):
        return codes.ILLEGAL_PARAMETER
    if not 0 < len(said) <= 3:  # noqa: PLR2004
        return codes.ILLEGAL_PARAMETER
    for message in said:
        refused = contents.check_content(message, world.caps.text_max_chars)
        if not refused and message["msg_type"] not in _SETTABLE:
            refused = codes.ILLEGAL_PARAMETER
        refused = refused or check_references(world, call, message)
        if refused:
            return refused
    setting = GroupSetting(f"{group.id}/{kind}", group.id, kind, tuple(said))
    world.store.append(kept(setting))
    return {}


def disable(world: World, call: Call) -> Answer:
    """Take the greeting or the notice away."""
    kind = call.number("group_setting_type")
    group = _own(world, call).get(call.text("group_id"))
    if group is None or kind not in (GREETING, NOTICE):
        return codes.ILLEGAL_PARAMETER
    world.store.append(taken(GroupSetting, f"{group.id}/{kind}"))
    return {}


def send_to_group(world: World, call: Call) -> Answer:
    """Write into a group; recorded and echoed like a direct message."""
    group, content = _own(world, call).get(call.text("group_id")), call.fields.get("content")
    if group is None or not isinstance(content, dict):
        return codes.ILLEGAL_PARAMETER
    refused = _check_message(world, call, content)
    if refused:
        return refused
    day, most = platform_day(world.now_ms()), world.caps.group_messages_per_day
    if most and world.store.state.group_posts.get((group.id, day), 0) >= most:
        return codes.CAP_REACHED
    msg_id = accept(world, call, Envelope("", group.id, GROUP_SCENE), content)
    return msg_id if isinstance(msg_id, int) else {"msg_id": msg_id}


def _check_message(world: World, call: Call, content: contents.Content) -> int:
    template = content.get("template_card")
    if template is not None and "msg_type" not in content:
        if not isinstance(template, dict) or not contents.is_text(template.get("card_template_id")):
            return codes.ILLEGAL_PARAMETER
        return check_template(world, call, template)
    refused = contents.check_content(content, world.caps.text_max_chars)
    if refused or content["msg_type"] not in _SENDABLE:
        return refused or codes.ILLEGAL_PARAMETER
    return check_references(world, call, content)


def _own(world: World, call: Call) -> dict[str, Group]:
    groups = world.store.state.shelves.of(Group)
    return {number: one for number, one in groups.items() if one.account == call.open_id}


def _rules(call: Call) -> GroupRules | None:
    kind, active = call.number("group_type"), call.number("active_fans", 0)
    level, relation = call.number("fans_limit", 0), call.number("relation_type", 0)
    if kind not in GROUP_TYPES or active not in (0, 1):
        return None
    if level not in FAN_CLUB_LEVELS or relation not in RELATIONS:
        return None
    switches = {name: call.number(name, 0) == 1 for name in _SWITCHES}
    return GroupRules(kind or 0, active or 0, level or 0, relation or 0, **switches)


def _shown(group: Group) -> dict[str, Any]:
    rules = group.rules
    limits = [
        *(["关注" if rules.relation_type == 1 else f"关注超过{rules.relation_type}天"]
          if rules.relation_type else []),
        *([f"粉丝团{rules.fans_limit}级"] if rules.fans_limit else []),
        *(["活跃粉丝"] if rules.active_fans else []),
    ]  # fmt: skip
    return {
        "group_id": group.id,
        "group_name": group.name,
        "description": group.description,
        "avatar_uri": group.avatar_uri,
        "group_type": rules.group_type,
        "status": "Normal",
        "tags": [],
        "entry_limit": limits,
        "exist_num": len(group.members) + 1,
        "max_num": group.max_members,
    }
