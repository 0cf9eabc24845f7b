"""Every path of the platform: what it does, its envelope, and whose token it wants."""

from collections.abc import Callable
from typing import Final, NamedTuple

from services.douyin_simulator.actions import (
    applet_templates,
    business_tokens,
    fan_data,
    grants,
    groups,
    interactions,
    lead_cards,
    live,
    profiles,
    recalling,
    sending,
    subscriptions,
    tokens,
    uploads,
    videos,
)
from services.douyin_simulator.actions.calling import Answer, Call, Needs
from services.douyin_simulator.actions.world import World
from services.douyin_simulator.api.envelopes import Shape

_BODY_LIMIT: Final = 1024 * 1024
# Above the picture's own limit, so that a picture that is too large gets the platform's answer.
_UPLOAD_LIMIT: Final = 12 * 1024 * 1024


class Endpoint(NamedTuple):
    """One path; `needs` None means that the action itself looks at who calls."""

    act: Callable[[World, Call], Answer]
    shape: Shape
    needs: Needs | None = None
    scope: str = ""
    body_limit: int = _BODY_LIMIT


_OAUTH: Final = {
    ("POST", "/oauth/client_token/"): Endpoint(tokens.client_token, Shape.E3),
    ("POST", "/oauth/access_token/"): Endpoint(tokens.access_token, Shape.E3),
    ("POST", "/oauth/refresh_token/"): Endpoint(tokens.refresh_token, Shape.E3),
    ("POST", "/oauth/renew_refresh_token/"): Endpoint(tokens.renew_refresh_token, Shape.E3),
    ("POST", "/oauth/userinfo/"): Endpoint(profiles.user_info, Shape.E3),
    ("POST", "/oauth/business_token/"): Endpoint(business_tokens.business_token, Shape.E4),
    ("POST", "/oauth/refresh_biz_token/"): Endpoint(
        business_tokens.refresh_business_token, Shape.E4
    ),
    ("POST", "/oauth/business_scopes/"): Endpoint(
        business_tokens.business_scopes, Shape.E4, Needs.EITHER
    ),
}
_WEBHOOKS: Final = {
    ("GET", "/event/status/list/"): Endpoint(
        subscriptions.list_events, Shape.E1, Needs.APP, "aweme.webhook"
    ),
    ("POST", "/event/status/update/"): Endpoint(
        subscriptions.switch_events, Shape.E1, Needs.APP, "aweme.webhook"
    ),
    ("POST", "/sandbox/webhook/event/send/"): Endpoint(
        subscriptions.send_mock_event, Shape.E1, Needs.APP, "aweme.webhook"
    ),
}
_MESSAGES: Final = {
    ("POST", "/im/send/msg/"): Endpoint(
        sending.send_message, Shape.E1_FLAT, Needs.ACCOUNT, "im.direct_message"
    ),
    ("POST", "/im/recall/msg/"): Endpoint(
        recalling.recall, Shape.E2, Needs.ACCOUNT, "im.recall_message"
    ),
    ("POST", "/im/authorize/status/"): Endpoint(
        grants.grant_status, Shape.E2, Needs.ACCOUNT, "im.direct_message"
    ),
    ("POST", "/im/authorize/user_list/"): Endpoint(
        grants.granting_fans, Shape.E2, Needs.ACCOUNT, "im.direct_message"
    ),
    ("POST", "/tool/imagex/client_upload/"): Endpoint(
        uploads.upload_image,
        Shape.E1_FLAT,
        Needs.APP,
        "tool.image.upload",
        body_limit=_UPLOAD_LIMIT,
    ),
    ("GET", "/api/im/message/resources/"): Endpoint(
        uploads.media_resource, Shape.E2, Needs.ACCOUNT, "im.direct_message"
    ),
}
_CARD: Final = (Needs.ACCOUNT, "im.message_card")
_TEMPLATE: Final = (Needs.APP, "im.microapp_card")
_CARDS: Final = {
    ("POST", "/im/save/retain_consult_card/"): Endpoint(
        lead_cards.save_card, Shape.E1_FLAT, *_CARD
    ),
    ("GET", "/im/get/retain_consult_card/"): Endpoint(lead_cards.list_cards, Shape.E1_FLAT, *_CARD),
    ("GET", "/im/del/retain_consult_card/"): Endpoint(lead_cards.delete_card, Shape.E1, *_CARD),
    ("POST", "/im/del/retain_consult_card/"): Endpoint(lead_cards.delete_card, Shape.E1, *_CARD),
    ("POST", "/api/douyin/v1/im/set_applet_template/"): Endpoint(
        applet_templates.set_template, Shape.E1, *_TEMPLATE
    ),
    ("POST", "/api/douyin/v1/im/get_applet_template/"): Endpoint(
        applet_templates.get_templates, Shape.E1, *_TEMPLATE
    ),
    ("POST", "/api/douyin/v1/im/del_applet_template/"): Endpoint(
        applet_templates.delete_template, Shape.E1, *_TEMPLATE
    ),
}

_VIDEO: Final = (Needs.ACCOUNT, "video.list.bind")
_DATA: Final = {
    ("GET", "/fans/check/"): Endpoint(fan_data.check_fan, Shape.E1, Needs.ACCOUNT, "fans.check"),
    ("GET", "/fans/list/"): Endpoint(fan_data.list_fans, Shape.E1, Needs.ACCOUNT, "fans.list"),
    ("GET", "/api/douyin/v1/user/fans_data/"): Endpoint(
        fan_data.fans_data, Shape.E1, Needs.ACCOUNT, "fans.data.bind"
    ),
    ("GET", "/api/douyin/v1/video/video_list/"): Endpoint(videos.list_videos, Shape.E1, *_VIDEO),
    ("POST", "/api/douyin/v1/video/video_data/"): Endpoint(videos.video_data, Shape.E1, *_VIDEO),
    ("GET", "/room/data/room_id/get/"): Endpoint(live.room_ids, Shape.E2_FLAT, Needs.ACCOUNT),
    **{
        ("GET", f"/room/data/{kind}/get/"): Endpoint(live.room_data(kind), Shape.E2, Needs.ACCOUNT)
        for kind in ("base", "interactive", "audience")
    },
    ("GET", "/api/douyin/v1/interactive/intention/log/list/"): Endpoint(
        interactions.interaction_log, Shape.E2, Needs.ACCOUNT, "user.intention"
    ),
}
_MANAGE: Final = (Needs.ACCOUNT, "im.group_fans.create_list")
_GROUPS: Final = {
    ("GET", "/im/group/count/"): Endpoint(groups.left_count, Shape.E1_FLAT, *_MANAGE),
    ("POST", "/im/group/fans/create/"): Endpoint(groups.create_group, Shape.E1_FLAT, *_MANAGE),
    ("GET", "/im/group/fans/list/"): Endpoint(groups.list_groups, Shape.E1_FLAT, *_MANAGE),
    ("GET", "/im/group/enter/audit/get/"): Endpoint(groups.pending_joins, Shape.E1_FLAT, *_MANAGE),
    ("POST", "/im/group/enter/audit/set/"): Endpoint(groups.decide_join, Shape.E1_FLAT, *_MANAGE),
    ("POST", "/im/group/setting/set/"): Endpoint(groups.set_up, Shape.E2, *_MANAGE),
    ("POST", "/im/group/setting/disable/"): Endpoint(groups.disable, Shape.E2, *_MANAGE),
    ("POST", "/im/send/msg/group/"): Endpoint(
        groups.send_to_group, Shape.E1_FLAT, Needs.ACCOUNT, "im.group_message"
    ),
}

ENDPOINTS: Final[dict[tuple[str, str], Endpoint]] = (
    _OAUTH | _WEBHOOKS | _MESSAGES | _CARDS | _DATA | _GROUPS
)
