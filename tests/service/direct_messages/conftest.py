"""Direct messages with the real quota, one shop whose policy both have heard, rules as data."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx2
import pytest

from services.direct_messages import actions
from services.direct_messages.actions import Deps, seed_rules
from services.direct_messages.domain.rules import load_definition
from services.direct_messages.service import deps_of
from shared import ids
from shared.contracts.api.quota import Purpose, ReserveRequest, Window
from shared.contracts.envelope import Envelope, Event, Origin
from shared.contracts.events.douyin import (
    AttemptsSettled,
    MessageReceived,
    Outcome,
    PageEntered,
    PersonAnswered,
    SettledAttempt,
)
from shared.contracts.events.fans import FollowChanged
from shared.contracts.events.open_platform import PolicyChanged
from shared.errors import NeighbourAway
from shared.http.client import JsonClient
from shared.http.principal import Principal
from shared.queue import Handler
from tests.support.world import World

ORG, ACC, FAN, OTHER_ORG = "org_1", "acc_1", "fan-open-id-0001", "org_2"
SEED_2021: dict[str, Any] = {
    "push.monthly_limit": 8,
    "dm.reply.limit": 6,
    "dm.reply.applies_to": "non_followers",
    "dm.reply.window_hours": None,
    "dm.reply.msg_id_valid_hours": 24,
    "dm.human_reserved": 2,
    "dm.enter.items": 3,
    "dm.enter.window_seconds": 30,
    "dm.enter.events_per_day": 3,
    "dm.text.max_chars": 1000,
    "dm.text.external_links": False,
    "dm.question_card.title_max_chars": 30,
    "dm.question_card.questions_max": 6,
    "dm.question_card.question_max_chars": 14,
    "dm.menu.level1_max": 3,
    "dm.menu.level1_label": 4,
    "dm.menu.level2_max": 5,
    "dm.menu.level2_label": 8,
    "dm.rules.max_per_account": 200,
    "crm.max_tags_per_contact": 5,
    "dm.auto_reply.text_max_chars": 300,
    "dm.auto_reply.keywords_per_rule": 10,
    "dm.auto_reply.keyword_max_chars": 30,
    "dm.auto_reply.replies_per_rule": 5,
    "dm.auto_reply.items_per_firing": 3,
    "dm.auto_reply.default_interval_hours": 24,
    "dm.auto_reply.greeting_interval_hours": 24,
    "dm.auto_reply.follow_reply_days": 30,
    "dm.handoff.agent_idle_minutes": 15,
    "dm.handoff.accept_seconds": 60,
    "dm.handoff.agent_capacity": 8,
    "dm.handoff.sticky_days": 30,
    "dm.handoff.close_hours": 24,
    "sla.response_seconds": 1800,
    "sla.warn_seconds": 1200,
    "sla.owner_seconds": 3600,
    "sla.pool_hours": 24,
    "sla.target_rate": 0.95,
    "dm.loop_guard": {"sends": 6, "inbound": 10, "seconds": 60},
}
PRICE: dict[str, Any] = {
    "name": "price",
    "trigger": "message",
    "match": "contains",
    "keywords": ["多少钱"],
    "replies": [{"kind": "text", "text": "99 元"}],
}
PERSON: dict[str, Any] = {
    "name": "person",
    "trigger": "message",
    "match": "contains",
    "keywords": ["人工"],
    "replies": [{"kind": "text", "text": "正在转接人工客服"}],
    "hand_off": True,
}
GREETING: dict[str, Any] = {
    "name": "greeting",
    "trigger": "enter",
    "replies": [{"kind": "text", "text": "您好"}],
}
THANKS: dict[str, Any] = {
    "name": "thanks",
    "trigger": "follow",
    "replies": [{"kind": "text", "text": "感谢关注"}],
}
DEFAULT: dict[str, Any] = {
    "name": "default",
    "trigger": "default",
    "replies": [{"kind": "text", "text": "稍后回复您"}],
}


@dataclass
class Shop:
    """Short words for what these tests do."""

    world: World
    policy_version: int = 0
    _sent: int = 0
    _requests: list[dict[str, Any]] = field(default_factory=list)

    @property
    def deps(self) -> Deps:
        """The service's own way to its database."""
        return deps_of(self.world.resources)

    def envelope(self, event: Event, **where: str) -> Envelope:
        """An event as another service would tell it."""
        origin = Origin(
            where.get("organization", ORG),
            where.get("account", ACC),
            ids.new("evt"),
            ids.trace_parent(),
        )
        return Envelope.of(
            event, origin, subject=FAN, seq=0, at=datetime.fromtimestamp(0).astimezone()
        )

    async def tell(self, *envelopes: Envelope) -> None:
        """Deliver them in one batch."""
        await self.world.deliver("direct_messages", *envelopes)

    async def policy(
        self,
        *,
        account: str = ACC,
        organization: str = ORG,
        drained: bool = True,
        only: str | None = None,
        **changed: Any,
    ) -> None:
        """Publish a policy: seed_2021 with changes (dots written as __)."""
        self.policy_version += 1
        values = SEED_2021 | {k.replace("__", "."): v for k, v in changed.items()}
        event = PolicyChanged(
            profile="seed_2021", policy_version=self.policy_version, values=values
        )
        envelope = self.envelope(event, account=account, organization=organization)
        for service in ("quota", "direct_messages") if only is None else (only,):
            if drained:
                await self.world.deliver(service, envelope)
            else:
                await self.handlers(service)[envelope.type]([envelope])

    def handlers(self, service: str = "direct_messages") -> Mapping[str, Handler]:
        """What the service does on each event, without the carrier."""
        (part,) = [p for p in self.world.parts if p.service.name == service]
        return part.worker.handlers

    async def handle(self, *envelopes: Envelope) -> None:
        """Hand a batch of one type to its handler."""
        await self.handlers()[envelopes[0].type](list(envelopes))

    async def handle_at_once(self, *envelopes: Envelope) -> None:
        """Each in a worker of its own, at the same time."""
        async with asyncio.TaskGroup() as group:
            for envelope in envelopes:
                group.create_task(self._handle_with_patience(envelope))

    async def _handle_with_patience(self, envelope: Envelope) -> None:
        while True:
            try:
                return await self.handle(envelope)
            except NeighbourAway:
                await asyncio.sleep(0.01)

    async def take_again(self) -> None:
        """Read again what is in a lane's hands, as a lane does after a pause."""
        for part in self.world.parts:
            for lane in part.lanes:
                async for entries in lane._reader.in_hand():
                    await lane._one_by_one(await lane._read(entries))
        await self.world.drain()

    async def attempts(self) -> int:
        """Attempts on envelopes that were counted."""
        rows = await self.world.sql(
            "SELECT coalesce(sum(attempts), 0) FROM direct_messages.quarantine"
        )
        return int(rows[0][0])

    def quota_goes_away(self) -> Any:
        """Nobody answers for quota any more."""
        resources = self.world.resources
        gone = resources.client("quota")
        resources._clients["quota"] = JsonClient("http://127.0.0.1:1")
        return gone

    def quota_comes_back(self, client: Any) -> None:
        """It answers again."""
        clients = self.world.resources._clients
        clients["quota"], clients["nobody"] = client, clients["quota"]  # closed with the others

    @contextmanager
    def statements(self) -> Iterator[list[tuple[str, str]]]:
        """Every statement (service, SQL) that is run inside."""
        seen: list[tuple[str, str]] = []
        databases = {n: self.world.resources.database(n) for n in ("quota", "direct_messages")}
        for name, database in databases.items():
            database.on_statement = lambda sql, name=name: seen.append((name, sql))  # type: ignore[misc]  # a default
        yield seen
        for database in databases.values():
            database.on_statement = lambda _: None

    async def held(self) -> int:
        """Units that quota holds for the fan's replies."""
        rows = await self.world.sql(
            "SELECT coalesce(sum(held), 0) FROM quota.bucket WHERE limit_key = 'dm.reply'"
        )
        return int(rows[0][0])

    async def a_hold_without_a_send(self, message: Envelope | None = None) -> tuple[str, str]:
        """What a worker leaves that dies between quota's answer and its own transaction."""
        operation = f"op_{actions.suffix(message)}_1" if message else "op_lost_1"
        now = await self.world.now()
        request = ReserveRequest(
            organization_id=ORG,
            account_id=ACC,
            operation_id=operation,
            purpose=Purpose.DM_REPLY,
            subject=FAN,
            items=1,
            actor="bot",
            window=Window(opened_by="@msg0001==", opened_at=now),
            planned_at=None,
        )
        (answer,) = await self.deps.quota.reserve([request])
        assert answer
        assert answer.granted
        return operation, answer.granted.reservation_id

    async def story(self, number: int = -1) -> dict[str, Any]:
        """The decision on what the fan did, by default the last thing."""
        inbound = (await self.inbound_ids())[number]
        answer = await self.get(f"/v1/messages/{inbound}/decision")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def rules(self, *definitions: dict[str, Any], account: str = ACC) -> None:
        """Give the account rules."""
        await seed_rules(self.deps, ORG, account, [load_definition(d) for d in definitions])

    async def a_message(self, text: str | None, *, fan: str = FAN, **changed: Any) -> Envelope:
        """A fan writes."""
        self._sent += 1
        now = changed.pop("at", None) or await self.world.now()
        sealed = text and self.world.resources.sealer.seal(ORG, text, now.date())
        fields: dict[str, Any] = {
            "message_id": f"@msg{self._sent:04}==",
            "conversation_id": f"@conv-{fan}",
            "open_id": fan,
            "kind": "text" if text else "image",
            "text": sealed,
            "created_at": now + timedelta(milliseconds=self._sent),
            "window_opened_at": now + timedelta(milliseconds=self._sent),
        }
        account = changed.pop("account", ACC)
        return self.envelope(MessageReceived(**(fields | changed)), account=account)

    async def an_entry(
        self, *, fan: str = FAN, at: datetime | None = None, account: str = ACC, **came: Any
    ) -> Envelope:
        """A fan opens the chat page."""
        self._sent += 1
        now = at or await self.world.now()
        return self.envelope(
            PageEntered(
                message_id=f"@enter{self._sent:04}==",
                conversation_id=f"@conv-{fan}",
                open_id=fan,
                created_at=now,
                window_opened_at=now,
                **came,
            ),
            account=account,
        )

    def a_follow(
        self, epoch: int, at: datetime, *, follows: bool = True, account: str = ACC
    ) -> Envelope:
        """A fan follows, or no longer does."""
        event = FollowChanged(open_id=FAN, follows=follows, observed_at=at, epoch=epoch)
        return self.envelope(event, account=account)

    def an_answer_in_the_app(self, text: str, at: datetime) -> Envelope:
        """Somebody answers by hand."""
        sealed = self.world.resources.sealer.seal(ORG, text, at.date())
        event = PersonAnswered(
            message_id="@app0001==",
            conversation_id=f"@conv-{FAN}",
            open_id=FAN,
            kind="text",
            text=sealed,
            created_at=at,
        )
        return self.envelope(event)

    def a_settlement(self, request: dict[str, Any], outcome: Outcome, item: int = 0) -> Envelope:
        """The connector tells how an item ended."""
        settled = SettledAttempt(
            operation_id=request["operation_id"],
            reservation_id=request["reservation_id"],
            item=item,
            outcome=outcome,
            platform_message_id=f"@out{item}==" if outcome is Outcome.SENT else None,
            code=None if outcome is Outcome.SENT else 28003070,
            log_id="log-1",
            reason=None,
            closes_window=None,
        )
        return self.envelope(AttemptsSettled(attempts=(settled,)))

    async def says(self, text: str | None, **changed: Any) -> None:
        """A fan writes and is heard."""
        await self.tell(await self.a_message(text, **changed))

    async def enters(self, **changed: Any) -> None:
        """A fan opens the page and is heard."""
        await self.tell(await self.an_entry(**changed))

    async def requests(self) -> list[dict[str, Any]]:
        """The sends that were asked for, oldest first, their texts readable."""
        rows = await self.world.sql(
            "SELECT envelope FROM direct_messages.outbox ORDER BY created_at, id"
        )
        envelopes = [Envelope.load(bytes(row[0])) for row in rows]
        sent = [e.data for e in envelopes if e.type == "direct_messages.send_requested"]
        opened = self.world.resources.sealer.open
        return [{**d, "texts": [opened(ORG, i["text"]) for i in d["items"]]} for d in sent]

    async def texts(self) -> list[str]:
        """Every text that was asked to be sent, in order."""
        return [text for request in await self.requests() for text in request["texts"]]

    async def outcomes(self) -> list[str]:
        """Every decision's word, in the order of the events."""
        rows = await self.world.sql(
            "SELECT outcome FROM direct_messages.decision d JOIN direct_messages.message m"
            " ON m.id = d.message_id ORDER BY m.created_at, m.id"
        )
        return [row[0] for row in rows]

    async def get(self, path: str, organization: str = ORG) -> httpx2.Response:
        """Ask the API."""
        return await self.world.http.get(path, headers=self.world.caller(organization))

    async def call(self, verb: str, path: str, body: Any = None, **headers: str) -> httpx2.Response:
        """Change something through the API."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        organization = named.pop("organization", ORG)
        return await self.world.http.request(
            verb, path, json=body, headers=self.world.caller(organization) | named
        )

    def caller_with_key(self, key_id: str, scopes: frozenset[str]) -> dict[str, str]:
        """Headers of a caller with that key."""
        token = self.world.resources.tokens.issue(Principal(ORG, key_id, scopes))
        return {"Authorization": f"Bearer {token}"}

    async def conversation(self) -> dict[str, Any]:
        """The fan's conversation, as the API shows it."""
        answer = await self.get(f"/v1/accounts/{ACC}/conversations?fan={FAN}")
        found: dict[str, Any] = answer.json()["data"][0]
        return found

    async def inbound_ids(self) -> list[str]:
        """Our ids of what fans did."""
        rows = await self.world.sql(
            "SELECT id FROM direct_messages.message WHERE direction = 'in' ORDER BY created_at, id"
        )
        return [row[0] for row in rows]


@pytest.fixture
async def shop(worlds: Callable[..., Any]) -> AsyncIterator[Shop]:
    """A shop that is ready, without rules."""
    async with worlds("quota", "direct_messages") as world:
        ready = Shop(world)
        await ready.policy()
        yield ready
