"""The second tenant: another company with another app, account and words, so that a mix-up is seen."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx2
from pydantic import SecretStr

from services.direct_messages.actions.rules import add_rule, seed_rules
from services.direct_messages.domain.items import TextReply, wording
from services.direct_messages.domain.rules import Definition
from services.direct_messages.service import deps_of as conversations_of
from services.douyin.actions import configuration as douyin
from services.douyin.actions.directory import Directory
from services.embedded import demo
from services.embedded.demo import RULES
from services.open_platform.actions import accounts, api_keys, policies
from services.open_platform.actions.accounts import NewAccount
from services.open_platform.service import deps_of as platform_of
from shared.errors import NotFound
from shared.runtime import Resources
from shared.settings import ProcessSettings
from tests.e2e.wire import DEMO, Shop
from tests.faults import stories
from tests.faults.lab import Lab
from tests.faults.members import MASTER_KEY

OTHER = Shop("awother9876543210", "fedcba9876543210fedcba9876543210", "biz-open-id-other")
CANARY = "【乙店】"
_HEARD_WITHIN = 60.0
OTHERS_ACCOUNT = "acc_other"
_ORGANIZATION = "org_other"
_DAILY = ("api.daily_calls.direct_message", 1_000_000)  # an app has 100,000, fewer than a full run


def _theirs(rule: Definition) -> Definition:
    return replace(rule, replies=tuple(TextReply(CANARY + wording(r)) for r in rule.replies))


_THEIR_RULES = tuple(_theirs(rule) for rule in RULES)
REPLIES = {
    shop.open_id: {
        **{rule.name: wording(rule.replies[0]) for rule in rules},
        **stories.answers(mark),
    }
    for shop, rules, mark in ((DEMO, RULES, ""), (OTHER, _THEIR_RULES, CANARY))
}


async def settle_in(lab: Lab) -> None:
    """Make the second tenant on both sides, and give both shops a menu and a flow."""
    facts = json.loads((lab.folder / "demo.json").read_text("utf-8"))
    lab.keys[DEMO.open_id] = facts["api_key"]
    lab.control(
        "apps",
        {
            "client_key": OTHER.client_key,
            "client_secret": OTHER.secret,
            "webhook_url": lab.members["simulator"].environment["SIYU_SIMULATOR_WEBHOOK_URL"],
        },
    )
    lab.control("accounts", {"open_id": OTHER.open_id, "client_key": OTHER.client_key})
    async with _inside(lab) as resources:
        platform = platform_of(resources)
        await accounts.create_organization(platform, "乙公司", organization_id=_ORGANIZATION)
        await accounts.create_account(
            platform, _ORGANIZATION, NewAccount("乙店"), account_id=OTHERS_ACCOUNT
        )
        new = api_keys.NewKey("乙公司客服", tuple(sorted(api_keys.EVERY_SCOPE)))
        _, lab.keys[OTHER.open_id] = await api_keys.create_api_key(platform, _ORGANIZATION, new)
        conversations = conversations_of(resources)
        theirs = (*_THEIR_RULES, *stories.rules(CANARY))
        await seed_rules(conversations, _ORGANIZATION, OTHERS_ACCOUNT, theirs)
        for rule in stories.rules():
            await add_rule(conversations, (demo.ORGANIZATION, demo.ACCOUNT), rule, "faults")
        app = douyin.NewApp([OTHER.secret], max_age=None)
        await douyin.put_app(_connector(resources), _ORGANIZATION, OTHER.client_key, app)
        await _bind(lab, _connector(resources))
        await policies.override(platform, demo.ORGANIZATION, demo.ACCOUNT, _DAILY)
        await policies.override(platform, _ORGANIZATION, OTHERS_ACCOUNT, _DAILY)


async def authorise_again(lab: Lab) -> None:
    """The owner of the second tenant's account agrees once more."""
    async with _inside(lab) as resources:
        await _bind(lab, _connector(resources))


@asynccontextmanager
async def _inside(lab: Lab) -> AsyncIterator[Resources]:
    """What a process of ours would have."""
    settings = ProcessSettings(
        database_url=SecretStr(lab.database_url),
        redis_url=SecretStr(lab.valkey.url()),
        master_key=SecretStr(MASTER_KEY),
        embedded=True,
    )
    resources = Resources(settings, "faults")
    try:
        yield resources
    finally:
        await resources.close()


def _connector(resources: Resources) -> douyin.Deps:
    database, sealer = resources.database("douyin"), resources.sealer
    return douyin.Deps(database, sealer, Directory(database, sealer), is_embedded=True)


async def _bind(lab: Lab, deps: douyin.Deps) -> None:
    identity, tokens = (OTHER.client_key, OTHER.open_id), _tokens(lab)
    async with asyncio.timeout(_HEARD_WITHIN):
        while True:  # until the connector has heard of the account
            try:
                await douyin.put_binding(deps, _ORGANIZATION, OTHERS_ACCOUNT, identity, tokens)
                return
            except NotFound:
                await asyncio.sleep(0.2)


def _tokens(lab: Lab) -> douyin.Tokens:
    asked = {
        "client_key": OTHER.client_key,
        "client_secret": OTHER.secret,
        "grant_type": "authorization_code",
        "code": lab.control("codes", {"open_id": OTHER.open_id})["code"],
    }
    answer: httpx2.Response = lab.http.post(f"{lab.simulator}/oauth/access_token/", data=asked)
    given = answer.json()["data"]
    return douyin.Tokens(given["access_token"], None, given["refresh_token"], None)
