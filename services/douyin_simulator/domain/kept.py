"""Every kind of thing that is kept by id."""

from typing import Final

from services.douyin_simulator.domain.cards import AppletTemplate, Image, LeadCard
from services.douyin_simulator.domain.grants import Grant, MediaResource, Recall
from services.douyin_simulator.domain.groups import Group, GroupMessage, GroupSetting, JoinRequest
from services.douyin_simulator.domain.product2021 import Lottery, Push, RedPacket
from services.douyin_simulator.domain.things import Thing
from services.douyin_simulator.domain.traits import AccountTraits, FanTraits, Override, PathLimit
from services.douyin_simulator.domain.videos import LiveRoom, Video

KEPT: Final[tuple[type[Thing], ...]] = (
    AccountTraits,
    AppletTemplate,
    FanTraits,
    Grant,
    Group,
    GroupMessage,
    GroupSetting,
    Image,
    JoinRequest,
    LeadCard,
    LiveRoom,
    Lottery,
    MediaResource,
    Override,
    PathLimit,
    Push,
    Recall,
    RedPacket,
    Video,
)
