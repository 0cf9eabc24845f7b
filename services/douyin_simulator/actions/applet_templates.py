"""Templates of mini-program cards, which belong to an app."""

from dataclasses import replace
from typing import Any

from services.douyin_simulator.actions.calling import Answer, Call
from services.douyin_simulator.actions.world import World
from services.douyin_simulator.domain import codes
from services.douyin_simulator.domain.cards import (
    TEMPLATE_CHANGES,
    TEMPLATE_CHANGES_WINDOW_MS,
    TEMPLATES_PER_APP,
    AppletTemplate,
    review_of,
)
from services.douyin_simulator.store import kept, taken


def set_template(world: World, call: Call) -> Answer:
    """Create a template or change one. The same looks give the template that has them already."""
    wanted = _read(world, call)
    if isinstance(wanted, int):
        return wanted
    own = _own(world, call)
    if wanted.id:
        known = own.get(wanted.id)
        if known is None or known.card_type != wanted.card_type:
            return codes.BAD_PARAMETER
        wanted = replace(wanted, created_at_ms=known.created_at_ms)
    else:
        same = next((one for one in own.values() if one.looks == wanted.looks), None)
        if same is not None:
            return {"card_template_id": same.id}
        wanted = replace(wanted, id=world.fresh_id("template", call.client_key))
    since = world.now_ms() - TEMPLATE_CHANGES_WINDOW_MS
    recent = sum(1 for one in own.values() if one.saved_at_ms > since)
    if len(own) >= TEMPLATES_PER_APP or recent >= TEMPLATE_CHANGES:
        return codes.DAILY_QUOTA_USED_UP
    world.store.append(kept(wanted))
    return {"card_template_id": wanted.id}


def get_templates(world: World, call: Call) -> Answer:
    """Templates of the app, all or by id or review state, page by page."""
    cursor, count = call.number("cursor", 0), call.number("count", 10)
    if cursor is None or count is None or not 0 < count <= 100:  # noqa: PLR2004
        return codes.BAD_PARAMETER
    number, status = call.text("card_template_id"), call.number("status")
    listed = [
        shown
        for one in _own(world, call).values()
        if number in ("", one.id)
        for shown in [_shown(world, one)]
        if status in (None, shown["status"])
    ]
    page = listed[cursor : cursor + count]
    has_more = cursor + count < len(listed)
    return {"list": page, "cursor": cursor + len(page), "has_more": has_more}


def delete_template(world: World, call: Call) -> Answer:
    """Remove a template."""
    number = call.text("card_template_id")
    if number not in _own(world, call):
        return codes.BAD_PARAMETER
    world.store.append(taken(AppletTemplate, number))
    return {}


def _own(world: World, call: Call) -> dict[str, AppletTemplate]:
    templates = world.store.state.shelves.of(AppletTemplate)
    return {key: one for key, one in templates.items() if one.client_key == call.client_key}


def _read(world: World, call: Call) -> AppletTemplate | int:
    title, content, media_id, app_id = map(call.text, ("title", "content", "media_id", "app_id"))
    card_type, now_ms = call.number("card_type"), world.now_ms()
    if not (title and content and media_id and app_id) or card_type is None:
        return codes.BAD_PARAMETER
    return AppletTemplate(
        call.text("card_template_id"),
        call.client_key,
        card_type,
        title,
        content,
        media_id,
        app_id,
        created_at_ms=now_ms,
        saved_at_ms=now_ms,
    )


def _shown(world: World, one: AppletTemplate) -> dict[str, Any]:
    return {
        "card_template_id": one.id,
        "card_type": one.card_type,
        "title": one.title,
        "content": one.content,
        "media_id": one.media_id,
        "app_id": one.app_id,
        "status": int(review_of(one, world.manners.card_review_s, world.now_ms())),
        "reject_reasons": [one.reason] if one.reason else [],
        "create_time": one.created_at_ms // 1000,
        "update_time": one.saved_at_ms // 1000,
    }
