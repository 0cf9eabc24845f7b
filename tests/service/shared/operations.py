"""One organization with something of everything, and a valid request for each operation of the public API.

The operations come from the OpenAPI document: one that this table cannot ask fails the tests that walk it. A new
operation with a body gets a line in `BODIES`; a new kind of id gets a thing of this tenant's in `a_tenant`, and
its id in `ids` under the name of the parameter.
"""

import base64
from dataclasses import dataclass, field
from typing import Any

import httpx2

from services.embedded.openapi.documents import every_service, public_document, service_documents
from services.open_platform.actions import accounts
from services.open_platform.service import deps_of
from tests.service.douyin.conftest import FAN, KEY, OPEN_ID, SECRET, Connector
from tests.service.douyin.platform import ScriptedPlatform
from tests.support.world import World

VERBS = frozenset({"get", "put", "post", "patch", "delete"})
CANARY = "canary-tenant-93d2"
RULE = {
    "name": f"{CANARY} rule",
    "trigger": "message",
    "match": "contains",
    "keywords": ["多少钱"],
    "replies": [{"kind": "text", "text": f"{CANARY} 99 元"}],
}
CARD = {"title": f"{CANARY} card", "image_id": "@img==", "components": ["name"]}
TEMPLATE = {"title": CANARY, "content": CANARY, "image_id": "@img==", "app_id": "tt1"}
CONSENT = {"text": f"{CANARY} 仅用于预约"}
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 64).decode()
AGENT = {"name": f"{CANARY} agent", "key_id": "key_test"}  # the key of every caller here
CANNED = {"shortcut": f"/{CANARY}", "text": f"{CANARY} 您好"}
BY_AGENT = {"agent_id": None}  # the key's own
HOOK = {
    "url": f"https://hooks.example/{CANARY}",
    "event_types": ["dm.rule_paused"],
    "description": f"{CANARY} hook",
}
MENU = {"entries": [{"label": "门店", "replies": [{"text": CANARY}]}]}
BODIES: dict[str, dict[str, Any]] = {
    "accept_conversation": BY_AGENT,
    "add_agent": {"name": "x"},
    "add_canned_reply": {"shortcut": "/x", "text": "x"},
    "add_note": {"text": f"{CANARY} note"},
    "add_rule": RULE,
    "assign_lead": {"assignee": "小青"},
    "change_agent": AGENT,
    "change_canned_reply": CANNED,
    "change_account": {"name": "x"},
    "change_card_template": TEMPLATE,
    "change_lead_card": CARD,
    "change_rule": RULE,
    "check_follow": {"open_id": "somebody"},
    "create_account": {"name": "x"},
    "put_douyin_business_token": {"scopes": ["user_info"]},
    "create_webhook_endpoint": HOOK,
    "change_webhook_endpoint": {"description": "x"},
    "rotate_webhook_secret": {"overlap_hours": 1},
    "create_api_key": {"name": "x", "scopes": ["dm:read"]},
    "create_card_template": {**TEMPLATE, "card_type": 1},
    "create_lead_card": CARD,
    "create_douyin_authorisation_link": {"client_key": KEY},
    "decline_conversation": BY_AGENT,
    "finish_conversation": BY_AGENT,
    "import_fans": {"fans": [{"open_id": "somebody"}]},
    "move_lead": {"stage": "contacted"},
    "note_follow_state": {"follows": True},
    "override_policy": {"value": 100},
    "publish_rule_draft": {"note": "x"},
    "put_fan_tier": {"tier": "goodwill", "rule_version": "x"},
    "put_lead_consent": CONSENT,
    "put_menu": MENU,
    "put_rule_draft": {"changes": [{"rule": RULE}]},
    "replay_rules": {"days": 7},
    "restore_rule_set": {"note": "x"},
    "put_douyin_app": {"client_secrets": [SECRET]},
    "put_douyin_binding": {"client_key": KEY, "open_id": "another-open-id"},
    "return_conversation": BY_AGENT,
    "send_message": {"text": "x"},
    "set_agent_presence": {"presence": "online"},
    "set_conversation_owner": {"owner": "person"},
    "try_rules": {"text": "x"},
    "transfer_conversation": BY_AGENT,
    "upload_image": {"data": PNG},
}
QUERIES = {
    "find_grant": "open_id=somebody",
    "find_media": "message_id=@m1==",
    "get_response_times": "since=2026-01-01T00:00:00Z&until=2026-02-01T00:00:00Z",
    "watch_agent_updates": "seconds=0",
}
HEADERS = {"idempotency-key": "a-key-of-this-test", "if-match": "*"}
POLICY_KEY = "dm.rules.max_per_account"
# what Douyin alone keeps, and is away in this world
AT_DOUYIN = {"template_id": "tpl_QHRwbD09"}
# what is no id, and is the same for everybody: a policy key, numbers that count from one
COMMON = {"key": POLICY_KEY, "rule_set": "1", "version": "1"}


@dataclass(frozen=True)
class Operation:
    """One operation of the public API, as its document describes it."""

    id: str
    verb: str
    path: str
    in_path: frozenset[str]
    in_query: frozenset[str]
    headers: frozenset[str]
    has_body: bool

    @property
    def is_read(self) -> bool:
        """Whether asking changes nothing."""
        return self.verb == "GET"


def every_operation(world: World) -> list[Operation]:
    """What the running APIs offer, reads first and deletions last."""
    document = public_document(service_documents(every_service(), world.resources))
    found = [
        _operation(verb.upper(), path, described)
        for path, item in document["paths"].items()
        for verb, described in item.items()
        if verb in VERBS
    ]
    order = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    return sorted(found, key=lambda operation: order.index(operation.verb))


def _operation(verb: str, path: str, described: dict[str, Any]) -> Operation:
    def named(place: str) -> frozenset[str]:
        parameters = described.get("parameters", [])
        return frozenset(p["name"].lower() for p in parameters if p["in"] == place)

    return Operation(
        *(described["operationId"], verb, path),
        *(named("path"), named("query"), named("header")),
        "requestBody" in described,
    )


@dataclass
class Tenant:
    """An organization and the ids of what it has, by the name of the parameter that takes them."""

    world: World
    organization: str
    ids: dict[str, str] = field(default_factory=dict)

    async def ask(
        self, operation: Operation, *, by: str | None = None, ids: dict[str, str] | None = None
    ) -> httpx2.Response:
        """A valid request for the operation on what this tenant has, by itself or by a stranger."""
        headers = self.world.caller(by or self.organization)
        headers |= {name: HEADERS[name] for name in operation.headers & set(HEADERS)}
        path = operation.path.format(**(ids or self.ids))
        if operation.id in QUERIES:
            path = f"{path}?{QUERIES[operation.id]}"
        body = BODIES[operation.id] if operation.has_body else None
        return await self.world.http.request(operation.verb, path, json=body, headers=headers)


async def a_tenant(world: World) -> Tenant:
    """An organization whose every name and text is a canary, with a conversation that was answered."""
    made = await accounts.create_organization(deps_of(world.resources), f"{CANARY} 有限公司")
    tenant = Tenant(world, made.id, {**COMMON, "client_key": KEY, **AT_DOUYIN})
    account = await _made(tenant, "/v1/accounts", {"name": f"{CANARY} 旗舰店"})
    tenant.ids["account_id"] = account["id"]
    await world.drain()
    place = f"/v1/accounts/{account['id']}"
    connector = Connector(world, ScriptedPlatform())
    await connector.put_app(organization=made.id)
    await connector.bind(account["id"], organization=made.id)
    replay = await _made(tenant, f"{place}/rule-replays", BODIES["replay_rules"])
    tenant.ids["replay_id"] = replay["id"]
    tenant.ids["agent_id"] = (await _made(tenant, "/v1/agents", AGENT))["id"]
    canned = await _made(tenant, f"{place}/canned-replies", CANNED)
    tenant.ids["reply_id"] = canned["id"]
    tenant.ids["rule_id"] = (await _made(tenant, f"{place}/rules", RULE))["id"]
    fans = {"fans": [{"open_id": FAN, "nickname": f"{CANARY} 小雨"}]}
    tenant.ids["fan_id"] = (await _made(tenant, f"{place}/fans", fans))["results"][0]["id"]
    await _webhooks(tenant)
    key = {"name": f"{CANARY} key", "scopes": ["dm:read"]}
    tenant.ids["key_id"] = (await _made(tenant, "/v1/api-keys", key))["id"]
    tenant.ids["card_id"] = "card_of_this_tenant"  # Douyin makes cards, and is away in this world
    await world.sql(
        "INSERT INTO douyin.lead_card (organization_id, account_id, id, card_id, title, image_id,"
        " components, status, version) VALUES ($1, $2, $3, '@card==', $4, '@img==', '{name}', 1, 1)",
        *(made.id, account["id"], tenant.ids["card_id"], f"{CANARY} card"),
    )
    await world.drain()
    for path, body in (("lead-consent", CONSENT), ("menu", MENU)):
        put = await world.http.put(f"{place}/{path}", json=body, headers=world.caller(made.id))
        assert put.is_success, put.text
    await _say(connector, f"{CANARY} 多少钱，微信 {CANARY.replace('-', '_')}，电话 13800138000")
    tenant.ids["lead_id"] = (await _read(tenant, "/v1/leads"))["data"][0]["id"]
    conversations = await _read(tenant, f"{place}/conversations")
    tenant.ids["conversation_id"] = conversations["data"][0]["id"]
    timeline = f"/v1/conversations/{tenant.ids['conversation_id']}/timeline"
    moments = (await _read(tenant, timeline))["data"]
    tenant.ids["message_id"] = next(m["id"] for m in moments if m["direction"] == "in")
    return tenant


async def _say(connector: Connector, text: str) -> None:
    content = {
        "conversation_short_id": "@conv001==",
        "server_message_id": "@m1==",
        "conversation_type": 1,
        "create_time": 1681799848725,
        "message_type": "text",
        "source": "",
        "text": text,
    }
    event = {"event": "im_receive_msg", "client_key": KEY, "from_user_id": FAN}
    answer = await connector.post({**event, "to_user_id": OPEN_ID, "content": content})
    assert answer.status_code == 200, answer.text
    await connector.world.drain()


async def _webhooks(tenant: Tenant) -> None:
    made = await _made(tenant, "/v1/webhook-endpoints", HOOK)
    tested = await _made(tenant, f"/v1/webhook-endpoints/{made['id']}/test", {})
    tenant.ids |= {"endpoint_id": made["id"], "delivery_id": tested["id"]}


async def _made(tenant: Tenant, path: str, body: dict[str, Any]) -> dict[str, Any]:
    headers = tenant.world.caller(tenant.organization)
    answer = await tenant.world.http.post(path, json=body, headers=headers)
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def _read(tenant: Tenant, path: str) -> dict[str, Any]:
    headers = tenant.world.caller(tenant.organization)
    answer = await tenant.world.http.get(path, headers=headers)
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()
    return found
