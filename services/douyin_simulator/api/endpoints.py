"""Every path of the platform: what it does, its envelope, and whose token it wants."""

from collections.abc import Callable
from typing import Final, NamedTuple

from services.douyin_simulator.actions import (
    applet_templates,
    business_tokens,
    grants,
    lead_cards,
    profiles,
    recalling,
    sending,
    subscriptions,
    tokens,
    uploads,
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

ENDPOINTS: Final[dict[tuple[str, str], Endpoint]] = _OAUTH | _WEBHOOKS | _MESSAGES | _CARDS
