"""What the platform is asked: what it counts the question as, and what the one who asks must be granted."""

from dataclasses import dataclass
from typing import Final

from services.douyin.domain.codes import Group
from services.douyin.domain.limits import Calls


@dataclass(frozen=True, slots=True)
class Question:
    """A kind of question. Without a scope the app asks it with a token of its own."""

    calls: Calls
    scope: str | None = None
    group: Group = Group.ASK


LEAD_CARDS: Final = Question(Calls.LEAD_CARD, "im.message_card")
CARD_TEMPLATES: Final = Question(Calls.CARD_TEMPLATE)
MEDIA: Final = Question(Calls.DIRECT_MESSAGE, "im.direct_message")
GRANTS: Final = Question(Calls.DIRECT_MESSAGE, "im.direct_message")
RECALLS: Final = Question(Calls.RECALL, "im.recall_message")
FOLLOW_CHECKS: Final = Question(Calls.FOLLOW_CHECK, "fans.check", Group.FANS)
FOLLOWERS: Final = Question(Calls.FANS_LIST, "fans.list", Group.FANS)
PORTRAITS: Final = Question(Calls.FANS_DATA, "fans.data.bind", Group.FANS)
INTERACTIONS: Final = Question(Calls.INTERACTION_LOG, "user.intention")
VIDEOS: Final = Question(Calls.VIDEO_LIST, "video.list.bind")
ROOMS: Final = Question(Calls.LIVE_ROOMS)  # of an account; no document names the scope
OWNERS: Final = Question(Calls.OWNER, "user_info", Group.AUTHORISE)  # the codes of all of `/oauth/`
IMAGES: Final = Question(Calls.IMAGE)
WEBHOOKS: Final = Question(Calls.WEBHOOK)
