"""Every path of the platform: what it does, its envelope, and whose token it wants."""

from collections.abc import Callable
from typing import Final, NamedTuple

from services.douyin_simulator.actions import (
    business_tokens,
    profiles,
    sending,
    subscriptions,
    tokens,
)
from services.douyin_simulator.actions.calling import Answer, Call, Needs
from services.douyin_simulator.actions.world import World
from services.douyin_simulator.api.envelopes import Shape

_BODY_LIMIT: Final = 1024 * 1024


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
}

ENDPOINTS: Final[dict[tuple[str, str], Endpoint]] = _OAUTH | _WEBHOOKS | _MESSAGES
