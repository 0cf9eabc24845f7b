"""Readers of fan groups: messages, applications to join, members who joined."""

from typing import Final

from services.douyin.domain.webhooks.facts import (
    ApplicationChanged,
    Fact,
    GroupJoined,
    GroupSpoken,
)
from services.douyin.domain.webhooks.fields import (
    Fields,
    Outer,
    kind_of,
    needed,
    needed_number,
    needed_time,
    number,
    person,
    said,
    short,
)

# 1 is official, the other two are what samples suggest; any other number is told as it is
_STATUSES: Final = {1: "applying", 2: "approved", 3: "refused"}


def group_spoken(outer: Outer, content: Fields) -> Fact | str:
    """Somebody wrote in a group of the account."""
    kind = kind_of(content) or "other"
    owner = person(content.get("owner_id")) or outer.account
    by_account = outer.event == "im_group_send_msg"
    speaker = owner if by_account else _speaker(outer, content, owner)
    return GroupSpoken(
        message_id=needed("server_message_id", content.get("server_message_id")),
        conversation_id=needed("conversation_short_id", content.get("conversation_short_id")),
        owner=needed("owner_id", owner),
        open_id=needed("speaker", speaker),
        by_account=by_account,
        source=short(content.get("source")),
        kind=kind,
        text=said(content, "text") if kind == "text" else None,
        at_ms=needed_time(content),
    )


def _speaker(outer: Outer, content: Fields, owner: str) -> str:
    # captured events name the owner outside and the speaker first in user_infos: no field alone is right
    infos = content.get("user_infos")
    named = [
        person(info.get("open_id"))
        for info in (infos if isinstance(infos, list) else [])
        if isinstance(info, dict)
    ]
    others = (n for n in (*named, outer.from_id, outer.to_id) if n and n != owner)
    return next(others, outer.from_id)


def application_changed(outer: Outer, content: Fields) -> Fact | str:
    """Somebody asks to join a group, or that was decided."""
    status = needed_number(content, "apply_status")
    return ApplicationChanged(
        application_id=needed("apply_id", content.get("apply_id")),
        group_id=needed("group_id", content.get("group_id")),
        open_id=needed("fan", outer.from_id),
        nickname=said(content, "user_nicker") or said(content, "nick_name"),
        status=_STATUSES.get(status, str(status)),
        at_ms=needed_time(content),
    )


def group_joined(outer: Outer, content: Fields) -> Fact | str:
    """Somebody joined. The documents take `open_id` for the owner, samples for the joiner."""
    if number(content.get("group_type", 1)) != 1:
        return "not_a_join"
    return GroupJoined(
        group_id=needed("im_group_id", content.get("im_group_id")),
        open_id=needed("fan", outer.from_id),
        group_kind=number(content.get("create_group_type")),
        at_ms=needed_time(content),
    )
