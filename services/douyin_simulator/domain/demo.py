"""The demo's people: the fans that exist at the first start, the same ones every time."""

from typing import Final, NamedTuple

from services.douyin_simulator.domain.cards import Image, LeadCard, Review
from services.douyin_simulator.domain.groups import Group, GroupRules
from services.douyin_simulator.domain.platform import ContextKind, Fan
from services.douyin_simulator.domain.things import Thing
from services.douyin_simulator.domain.videos import Video

ACCOUNT_NAME: Final = "企业号"
CONVERSATION: Final = "@conv001=="
FIRST_FAN: Final = "fan-open-id-0001"
# Ids that drivers post without asking us first; their windows start with the first send.
INBOUND_IDS: Final = (
    ("@msg001==", ContextKind.MESSAGE),
    ("@msg002==", ContextKind.ENTER),
    ("@msg003==", ContextKind.MESSAGE),
)

IMAGE: Final = "@image001=="
CARD: Final = "@card001=="
GROUP: Final = "@group001=="
VIDEO: Final = "@video001=="

_FRONT: Final = (
    "爱吃", "小城", "南山", "追风的", "早起的", "阿里山", "晚风里的", "一只", "不加糖的", "江边",
    "会飞的", "奶茶", "周末", "老街", "山里的", "橘子味的", "有点困的", "北方", "海边", "认真的",
)  # fmt: skip
_BACK: Final = (
    "小鱼", "芒果", "阿珍", "老王", "柠檬", "豆豆妈", "大橘", "小林", "阿杰", "团子",
    "星星", "木木", "陈叔", "小雨", "桃子", "阿哲", "青柠", "糖糖", "乐乐", "西瓜",
)  # fmt: skip
_EVERY_NTH_IS_A_STRANGER: Final = 3


class SeededFan(NamedTuple):
    """A fan and whether they follow the demo account."""

    fan: Fan
    follows: bool


def seeded_fans(count: int) -> list[SeededFan]:
    """`count` fans; the first is the vectors' 粉丝甲, who does not follow; two of three others do."""
    fans = [SeededFan(_fan(FIRST_FAN, "粉丝甲"), follows=False)] if count else []
    for number in range(2, count + 1):
        front = _FRONT[number * 7 % len(_FRONT)]
        back = _BACK[(number * 3 + number // len(_BACK)) % len(_BACK)]
        fan = _fan(f"fan-open-id-{number:04d}", front + back)
        fans.append(SeededFan(fan, follows=number % _EVERY_NTH_IS_A_STRANGER != 0))
    return fans


def things(client_key: str, account: str, now_ms: int) -> tuple[Thing, ...]:
    """The card and the group that the vectors name, and a picture and a video to go with them."""
    image = Image(IMAGE, client_key, 263, 120, "d41d8cd98f00b204e9800998ecf8427e", now_ms)
    card = LeadCard(CARD, account, "预约咨询", IMAGE, (1, 2, 3), now_ms, Review.APPROVED)
    video = Video(VIDEO, account, "三分钟看懂", now_ms)
    group = Group(GROUP, account, "粉丝一群", "欢迎", IMAGE, GroupRules(), 500, now_ms)
    return (image, card, video, group)


def _fan(open_id: str, nickname: str) -> Fan:
    return Fan(open_id, nickname, "https://example.com/a.jpeg")


def unseen_fan(open_id: str) -> Fan:
    """A fan whom nobody has introduced yet."""
    return _fan(open_id, f"用户{open_id[-4:]}")
