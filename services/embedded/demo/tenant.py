"""The demo tenant: a small clothing shop on Douyin with rules, fans and a key, kept between runs.

It belongs to embedded mode alone: its secrets are published with the test vectors.
"""

import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from services.direct_messages.actions.rules import seed_rules
from services.direct_messages.service import deps_of as conversations_of
from services.douyin.actions import configuration as douyin
from services.douyin.actions.directory import Directory
from services.douyin_simulator.domain.demo import seeded_fans
from services.douyin_simulator.settings import Settings as SimulatorSettings
from services.embedded.demo.rules import RULES
from services.embedded.servers import CannotStart
from services.embedded.servers.errors import CONFIGURATION_ERROR
from services.embedded.services import BY_NAME
from services.embedded.settings import EmbeddedSettings
from services.fans import actions as fans
from services.fans.domain import Filter
from services.fans.service import deps_of as fan_deps
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
    key, new = simulator.client_key, douyin.NewApp([simulator.client_secret], max_age=None)
    await douyin.put_app(deps, ORGANIZATION, key, new)
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
    deps, tenant = fan_deps(resources), (ORGANIZATION, ACCOUNT)
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
