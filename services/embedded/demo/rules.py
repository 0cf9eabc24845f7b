"""The auto-reply rules of the demo shop."""

from collections.abc import Sequence
from typing import Final

from services.direct_messages.domain.items import TextReply
from services.direct_messages.domain.rules import Definition, Match, Mode, Trigger


def _rule(
    name: str,
    trigger: Trigger,
    *replies: str,
    match: Match | None = None,
    keywords: Sequence[str] = (),
    pattern: str | None = None,
    hand_off: bool = False,
) -> Definition:
    return Definition(
        name=name,
        trigger=trigger,
        match=match,
        keywords=tuple(keywords),
        pattern=pattern,
        mode=Mode.ALL,
        replies=tuple(TextReply(reply) for reply in replies),
        hand_off=hand_off,
        priority=0,
        enabled=True,
    )


def _contains(name: str, words: str, *replies: str, hand_off: bool = False) -> Definition:
    how, keywords = Match.CONTAINS, words.split()
    return _rule(name, Trigger.MESSAGE, *replies, match=how, keywords=keywords, hand_off=hand_off)


RULES: Final = (
    _rule(
        "打招呼",
        Trigger.MESSAGE,
        "在的呀～这里是青禾女装，想看上新、问尺码还是查订单？直接说就好。",
        match=Match.EXACT,
        keywords=("在吗", "在么", "你好", "您好", "哈喽", "hi"),
    ),
    _contains(
        "问价格",
        "多少钱 价格 报价 怎么卖 什么价",
        "亲，商品页显示的就是到手价：连衣裙 199 元起，针织衫 129 元起。把想要的款式发给我，马上帮您核对～",
    ),
    _contains(
        "看上新",
        "上新 新款 新品",
        "秋冬上新到啦！这周上架 12 款，先发三句给您看看～",
        "针织衫：燕麦色和雾蓝两色，129 元起；圆领不扎脖子，通勤百搭。",
        "连衣裙：灯芯绒长款，199 元起。喜欢哪款直接发我，帮您看尺码和库存。",
    ),
    _contains(
        "转人工",
        "人工 转人工 人工客服 找客服 真人",
        "好的，正在为您转接人工客服，请稍等片刻。您可以先把问题写下来，同事接入后马上处理。",
        hand_off=True,
    ),
    _contains(
        "发货物流",
        "发货 快递 物流 到货 包邮",
        "现货 48 小时内从杭州发出，全国包邮，一般 2–4 天送到。发来订单号，我帮您查物流进度。",
    ),
    _contains(
        "退换与投诉",
        "退款 退货 换货 投诉 质量问题",
        "很抱歉给您添麻烦了。支持 7 天无理由退换，运费险由我们承担；已为您转接售后同事，请发一下订单号。",
        hand_off=True,
    ),
    _contains(
        "问尺码",
        "尺码 多大码 身高 体重 偏大 偏小",
        "把身高和体重发给我（例如 162 / 52kg），我来推荐尺码。平时穿 M 的话，本店大多也选 M。",
    ),
    _contains(
        "问面料",
        "面料 材质 起球 掉色 透不透",
        "面料和洗涤方法都写在商品页的“产品参数”里。针织类建议反面冷水手洗、平铺晾干。",
    ),
    _contains(
        "地址门店",
        "地址 门店 实体店 在哪里",
        "线下店在杭州市上城区中山中路 188 号（青禾女装），来之前可以先问我款式是否有货。",
    ),
    _contains(
        "优惠活动",
        "优惠 活动 折扣 打折 满减 优惠券",
        "本周活动：满 299 减 30，两件 9 折，可在直播间领券叠加。关注账号，上新当天还有粉丝专属券。",
    ),
    _contains(
        "营业时间",
        "营业时间 几点 上班 下班",
        "在线客服 9:00–22:00，门店 10:00–21:30，全年无休。其他时间留言，上班后第一时间回复您。",
    ),
    _rule(
        "订单号",
        Trigger.MESSAGE,
        "收到您的订单号啦，正在核对，稍后把最新进度发给您。",
        match=Match.RE2,
        pattern=r"订单.{0,6}\d{6,}",
    ),
    _rule(
        "进入私信",
        Trigger.ENTER,
        "欢迎来到青禾女装～可以直接问价格、尺码、发货，回复“人工”转客服。",
    ),
    _rule(
        "感谢关注",
        Trigger.FOLLOW,
        "谢谢关注青禾女装！新粉丝首单立减 10 元，下单前跟我说一声就好。",
    ),
    _rule(
        "默认回复",
        Trigger.DEFAULT,
        "已收到您的消息～可以问价格、尺码、发货、优惠，或回复“人工”找客服。",
    ),
)
