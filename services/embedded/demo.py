"""The demo tenant: a small clothing shop on Douyin with rules, fans and a key, kept between runs.

It belongs to embedded mode alone: its secrets are published with the test vectors.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from services.direct_messages.actions.rules import seed_rules
from services.direct_messages.domain.rules import Definition, Match, Mode, TextReply, Trigger
from services.direct_messages.service import deps_of as conversations_of
from services.douyin.actions import configuration as douyin
from services.douyin.actions.directory import Directory
from services.douyin_simulator.domain.demo import seeded_fans
from services.douyin_simulator.settings import Settings as SimulatorSettings
from services.embedded.servers import CannotStart
from services.embedded.servers.errors import CONFIGURATION_ERROR
from services.embedded.services import BY_NAME
from services.embedded.settings import EmbeddedSettings
from services.fans import actions as fans
from services.fans.domain import Filter
from services.open_platform.actions import accounts, api_keys, policies
from services.open_platform.actions.accounts import NewAccount
from services.open_platform.actions.api_keys import EVERY_SCOPE, NewKey
from services.open_platform.actions.deps import Deps as PlatformDeps
from services.open_platform.service import deps_of as platform_of
from shared import ids
from shared.contracts.envelope import Envelope, Origin
from shared.contracts.events.open_platform import PolicyChanged
from shared.contracts.routing import ROUTES
from shared.errors import NotFound
from shared.runtime import Resources

FILE: Final = "demo.json"
# Ids that never change: a run that was killed half-way is finished by the next one.
ORGANIZATION: Final = "org_demo"
ACCOUNT: Final = "acc_demo"
COMPANY: Final = "青禾服饰有限公司"
SHOP: Final = "青禾女装官方旗舰店"
KEY_NAME: Final = "演示密钥"
# Before anything that the test vectors report, so that their follow is news.
_LOOKED_AT: Final = datetime(2023, 1, 1, tzinfo=UTC)
_FANS_AT_ONCE: Final = 250


@dataclass(frozen=True, slots=True)
class DemoFacts:
    """What somebody needs to play with the demo; the fields of `demo.json`."""

    base_url: str
    api_key: str
    organization_id: str
    account_id: str
    account_open_id: str
    client_key: str
    client_secret: str
    simulator_url: str


async def seed(resources: Resources, settings: EmbeddedSettings) -> DemoFacts:
    """Make the demo tenant, or what is missing of it, and write `demo.json`.

    Run again, it changes nothing that is there. Raises CannotStart outside embedded mode.
    """
    if not resources.settings.embedded:
        sentence = "The demo tenant has published secrets and exists in embedded mode only."
        raise CannotStart(sentence, exit_code=CONFIGURATION_ERROR)
    simulator = SimulatorSettings()
    place = settings.data_dir / FILE
    host = settings.host if settings.host not in {"0.0.0.0", "::"} else "127.0.0.1"  # noqa: S104
    platform = platform_of(resources)
    await _make_account(platform)
    await _let_hear(platform, resources)
    await _bind(resources, simulator)
    await seed_rules(conversations_of(resources), ORGANIZATION, ACCOUNT, RULES)
    await _bring_fans(resources, simulator.demo_fans)
    facts = DemoFacts(
        base_url=f"http://{host}:{settings.port}",
        api_key=await _key(platform, place),
        organization_id=ORGANIZATION,
        account_id=ACCOUNT,
        account_open_id=simulator.account_open_id,
        client_key=simulator.client_key,
        client_secret=simulator.client_secret,
        simulator_url=f"http://{host}:{settings.simulator_port}",
    )
    _write(place, facts)
    return facts


async def _make_account(platform: PlatformDeps) -> None:
    try:
        await accounts.get_organization(platform, ORGANIZATION)
    except NotFound:
        await accounts.create_organization(platform, COMPANY, organization_id=ORGANIZATION)
    try:
        await accounts.get_account(platform, ORGANIZATION, ACCOUNT)
    except NotFound:
        await accounts.create_account(platform, ORGANIZATION, NewAccount(SHOP), account_id=ACCOUNT)


async def _let_hear(platform: PlatformDeps, resources: Resources) -> None:
    """Hand the account's policy to those who will hear of it, so that the first message finds it.

    The outbox carries it too; whoever has this version already drops it.
    """
    account, policy = await policies.get_policy(platform, ORGANIZATION, ACCOUNT)
    event = PolicyChanged(
        profile=account.profile,
        policy_version=account.policy_version,
        values={key: found.value for key, found in policy.items()},
    )
    origin = Origin(ORGANIZATION, ACCOUNT, ids.new("chg"), ids.trace_parent())
    at, seq = account.policy_resolved_at, account.policy_version
    envelope = Envelope.of(event, origin, subject=ACCOUNT, seq=seq, at=at)
    for hearer in ROUTES[event.type]:
        worker = BY_NAME[hearer.service].build_worker(resources)
        await worker.handlers[event.type]([envelope])


async def _bind(resources: Resources, simulator: SimulatorSettings) -> None:
    """The Douyin app, and the account under it. Tokens that were refreshed since are kept."""
    database, sealer = resources.database("douyin"), resources.sealer
    deps = douyin.Deps(database, sealer, Directory(database, sealer), is_embedded=True)
    key, secrets = simulator.client_key, [simulator.client_secret]
    await douyin.put_app(deps, ORGANIZATION, key, secrets, max_age=None)
    identity = (key, simulator.account_open_id)
    try:
        bound = await douyin.get_binding(deps, ORGANIZATION, ACCOUNT)
        if (bound.client_key, bound.open_id) == identity:
            return
    except NotFound:
        pass  # the first run
    tokens = douyin.Tokens(simulator.access_token, None, simulator.refresh_token, None)
    await douyin.put_binding(deps, ORGANIZATION, ACCOUNT, identity, tokens)


async def _bring_fans(resources: Resources, count: int) -> None:
    """The fans whom the simulator knows, once: later changes of theirs are kept."""
    deps, tenant = fans.Deps(resources.database("fans")), (ORGANIZATION, ACCOUNT)
    people = seeded_fans(count)
    last = Filter(open_id=people[-1].fan.open_id)
    if await fans.list_fans(deps, tenant, last, "", 1):
        return
    known = [fans.Imported(fan.open_id, fan.nickname, follows) for fan, follows in people]
    for start in range(0, count, _FANS_AT_ONCE):
        some = known[start : start + _FANS_AT_ONCE]
        await fans.import_fans(deps, tenant, some, observed_at=_LOOKED_AT)


async def _key(platform: PlatformDeps, place: Path) -> str:
    """The key of the last run if it still opens everything, else a new one in its stead."""
    text = str(_read(place).get("api_key", ""))
    token = await api_keys.exchange(platform, text)
    if token is not None:
        principal = platform.tokens.verify(token)
        if principal.organization_id == ORGANIZATION and principal.scopes == EVERY_SCOPE:
            return text
    for key in await api_keys.list_api_keys(platform, ORGANIZATION, "", 1000):
        if key.name == KEY_NAME and key.revoked_at is None:
            await api_keys.revoke_api_key(platform, ORGANIZATION, key.id)
    new = NewKey(KEY_NAME, tuple(sorted(EVERY_SCOPE)))
    _, text = await api_keys.create_api_key(platform, ORGANIZATION, new)
    return text


def _read(place: Path) -> dict[str, Any]:
    try:
        found = json.loads(place.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(place: Path, facts: DemoFacts) -> None:
    """Put the file there whole, readable for us alone."""
    draft = place.with_name(f".{place.name}.new")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(json.dumps(asdict(facts), indent=2, ensure_ascii=False) + "\n")
    draft.replace(place)


# ------------------------------------------------------------------------------------------ rules


def _rule(  # noqa: PLR0913  the fields of a rule
    name: str,
    trigger: Trigger,
    reply: str,
    *,
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
        replies=(TextReply(reply),),
        hand_off=hand_off,
        priority=0,
        enabled=True,
    )


def _contains(name: str, words: str, reply: str, *, hand_off: bool = False) -> Definition:
    how, keywords = Match.CONTAINS, words.split()
    return _rule(name, Trigger.MESSAGE, reply, match=how, keywords=keywords, hand_off=hand_off)


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
