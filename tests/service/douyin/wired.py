"""The connector with the simulator behind it: what goes wrong is ordered there and comes over the wire."""

import asyncio
import base64
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from services.douyin.actions.intake import IntakeDesk
from services.douyin.actions.recalls import Recaller
from services.douyin.actions.repairs import Repairer
from services.douyin.actions.subscriptions import watch
from services.douyin_simulator.settings import Settings
from shared import ids
from shared.contracts.envelope import Envelope, Origin
from shared.contracts.events.direct_messages import RecallRequested
from shared.runtime.apis import ByRoute
from tests.service.douyin.conftest import (
    ACCOUNT,
    FAN,
    KEY,
    OPEN_ID,
    ORGANIZATION,
    Connector,
    dispatching,
)
from tests.service.douyin.platform import ScriptedPlatform
from tests.service.douyin_simulator.conftest import Platform as Simulator
from tests.service.douyin_simulator.conftest import running
from tests.support.serving import free_socket, serving
from tests.support.world import World

ACCESS, REFRESH, CLIENT = "act.wired", "rft.wired", "clt.wired"
_PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 3, 2)
_TEMPLATES = "/api/douyin/v1/im"

End = tuple[str, str | None]  # how it ended: `done`, or the code of a refusal or a state; and why


@dataclass
class Wired:
    """Our connector, and the platform that it speaks to."""

    connector: Connector
    simulator: Simulator
    settings: Settings
    template: str = ""  # the one that is deleted next
    _number: int = 0

    def number(self) -> int:
        """A number that makes what it is put into unlike all before it."""
        self._number += 1
        return self._number

    @property
    def world(self) -> World:
        return self.connector.world

    async def fails(self, path: str, kind: str, **order: Any) -> None:
        """The next call to that path goes wrong."""
        match = {"path": path, **order.pop("match", {})}
        await self.simulator.fails(kind, match=match, **order)

    async def refuses(self, path: str, code: int, **order: Any) -> None:
        """The next call to that path is refused with that code, in one of the envelopes: which says nothing."""
        form = ("e1", "e2", "text_code")[code % 3]
        await self.fails(path, "business_error", code=code, envelope=form, **order)

    async def struck(self) -> int:
        """How many calls went wrong on order so far."""
        return int((await self.simulator.stats())["injected"])

    async def call(self, verb: str, path: str, body: Any = None, **headers: str) -> httpx2.Response:
        """One call of our API about the account."""
        named = self.world.caller(ORGANIZATION) | headers
        url = f"/v1/accounts/{ACCOUNT}/{path}"
        return await self.world.http.request(verb, url, json=body, headers=named)

    async def ask(self, verb: str, path: str, body: Any = None, **headers: str) -> End:
        """The same, and how it ended."""
        answer = await self.call(verb, path, body, **headers)
        for _ in range(4):
            if "Retry-After" not in answer.headers:
                break
            await asyncio.sleep(0.5)  # a busy machine: PostgreSQL was slow, and nobody was asked
            answer = await self.call(verb, path, body, **headers)
        if answer.is_success:
            return "done", None
        assert answer.headers["content-type"] == "application/problem+json"
        return answer.json()["code"], answer.json().get("reason")

    def forget(self) -> None:
        """Let both processes, the API's and the sender's, read again what they remember for five seconds."""
        self.connector.asking.directory.forget()
        watch: Any = self.world.parts[0].worker.handlers["douyin.account_revoked"]
        watch.args[0].directory.forget()

    @asynccontextmanager
    async def ringing(self) -> AsyncIterator[None]:
        """What PostgreSQL knows the time of happens by itself meanwhile: sweeps, recalls, tokens."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(alarm.ring()) for alarm in self.world.parts[0].worker.alarms]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()

    async def asks(self, *operations: str, **changed: Any) -> None:
        """Ask for a message in a conversation of its own for each of these, named by them."""
        said = [
            {"msg_id": f"@m{one}==", "conversation_id": f"@c{one}==", "from": FAN}
            for one in operations
        ]
        ids_of = {"to": OPEN_ID, "messages": said}
        await self.simulator.call("/_simulator/messages/register", ids_of)
        requests = [
            await self.connector.a_request(
                one, one, reply_to=f"@m{one}==", conversation_id=f"@c{one}==", **changed
            )
            for one in operations
        ]
        await self.world.deliver("douyin", *requests)

    async def answers(self, *operations: str, **changed: Any) -> None:
        """The same, until it is known what became of them."""
        await self.asks(*operations, **changed)

        async def settled() -> bool:
            return not {"queued", "sending"} & set(await self.connector.states())

        await self.connector.until(settled, 20)

    async def outcomes(self) -> dict[str, End]:
        """operation → (state, reason)."""
        rows = await self.connector.attempts()
        return {row["operation_id"]: (row["state"], row["reason"]) for row in rows}

    async def sent(self) -> list[str]:
        """What the platform accepted, whose record this is."""
        return [one["content"]["text"]["text"] for one in await self.simulator.sent()]


@pytest.fixture
async def wired(worlds: Callable[..., Any], tmp_path: Path) -> AsyncIterator[Wired]:
    door = free_socket()
    address = f"http://127.0.0.1:{door.getsockname()[1]}/douyin/webhooks/{{client_key}}"
    settings = Settings(
        data_dir=tmp_path / "simulator",
        webhook_url=address,
        demo_fans=200,
        access_token=ACCESS,
        refresh_token=REFRESH,
        client_token=CLIENT,
    )
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(running(settings))
        world = await stack.enter_async_context(worlds("douyin", douyin_api_url=simulator.url))
        await stack.enter_async_context(serving(ByRoute(world.apis), door))
        connector = Connector(world, ScriptedPlatform())
        assert (await connector.put_app()).status_code == 200
        await connector.learn(ACCOUNT)
        bound = await connector.bind(access_token=ACCESS, refresh_token=REFRESH)
        assert bound.status_code == 200, bound.text
        await stack.enter_async_context(dispatching(world.parts[0], alarms=False))
        yield Wired(connector, simulator, settings)


async def _nothing(_: Wired) -> None:
    """It can be asked at any time."""


@dataclass(frozen=True)
class Question:
    """A way in which the platform is asked: the path, what it counts as, and how.

    `prepare` comes before a failure is ordered, and asks nothing that the platform might not allow.
    """

    path: str
    calls: str
    ask: Callable[[Wired], Awaitable[End]]
    prepare: Callable[[Wired], Awaitable[None]] = _nothing


def a_template(number: int) -> dict[str, Any]:
    """A template of a mini-program card unlike all others."""
    looks = {"title": f"到店 {number}", "content": "点开小程序预约", "image_id": "@image001=="}
    return {**looks, "app_id": "tt-demo", "card_type": 1}


async def _list_cards(wired: Wired) -> End:
    return await wired.ask("GET", "cards")


async def _save_card(wired: Wired) -> End:
    card = {"title": f"card {wired.number()}", "image_id": "@image001==", "components": ["name"]}
    return await wired.ask("POST", "cards", card)


async def _have_a_card(wired: Wired) -> None:
    if not await wired.world.sql("SELECT 1 FROM douyin.lead_card WHERE deleted_at IS NULL"):
        assert await _save_card(wired) == ("done", None)


async def _delete_card(wired: Wired) -> End:
    alive = "SELECT id FROM douyin.lead_card WHERE deleted_at IS NULL LIMIT 1"
    ((card,),) = await wired.world.sql(alive)
    etag = (await wired.call("GET", f"cards/{card}")).headers["etag"]
    return await wired.ask("DELETE", f"cards/{card}", **{"If-Match": etag})


async def _list_templates(wired: Wired) -> End:
    return await wired.ask("GET", "card-templates?limit=1")


async def _save_template(wired: Wired) -> End:
    return await wired.ask("POST", "card-templates", a_template(wired.number()))


async def _make_a_template(wired: Wired) -> None:
    """At the platform itself, so that our calls of the day are not touched."""
    url = f"{wired.simulator.url}{_TEMPLATES}/set_applet_template/"
    wanted = a_template(wired.number())
    wanted["media_id"] = wanted.pop("image_id")
    headers = {"access-token": str(await wired.connector.asking.tokens.client_token(KEY))}
    async with wired.simulator.http.post(url, json=wanted, headers=headers) as said:
        name = (await said.json())["data"]["card_template_id"].encode()
    wired.template = f"tpl_{base64.urlsafe_b64encode(name).decode().rstrip('=')}"


async def _delete_template(wired: Wired) -> End:
    path = f"card-templates/{wired.template}"
    return await wired.ask("DELETE", path, **{"If-Match": "*"})


async def _upload(wired: Wired) -> End:
    image = _PNG + wired.number().to_bytes(40)
    return await wired.ask("POST", "images", {"data": base64.b64encode(image).decode()})


async def _fan_sends_a_file(wired: Wired) -> None:
    if not await wired.world.sql("SELECT 1 FROM douyin.inbound WHERE event = 'im_receive_msg'"):
        said = {"from": FAN, "to": OPEN_ID, "message_type": "user_local_image"}
        await wired.simulator.call("/_simulator/messages", said)


async def _media(wired: Wired) -> End:
    find = "SELECT dedupe_key FROM douyin.inbound WHERE event = 'im_receive_msg'"
    ((message,),) = await wired.world.sql(find)
    return await wired.ask("GET", f"media?{httpx2.QueryParams({'message_id': message})}")


async def _check_follow(wired: Wired) -> End:
    return await wired.ask("POST", "follow-checks", {"open_id": f"fan-open-id-{wired.number():04}"})


async def _list_followers(wired: Wired) -> End:
    return await wired.ask("GET", "followers?limit=1")


async def _draw_portrait(wired: Wired) -> End:
    return await wired.ask("GET", "fan-portrait")


async def _list_grants(wired: Wired) -> End:
    return await wired.ask("GET", "grants?limit=1")


async def _find_grant(wired: Wired) -> End:
    return await wired.ask("GET", f"grant?open_id={FAN}")


async def _recall(wired: Wired) -> End:
    operation = f"op_recall_{wired.number()}"
    await wired.answers(operation)
    message = (await wired.simulator.sent())[-1]["msg_id"]
    recaller = Recaller(wired.connector.asking)
    event = RecallRequested(message_id=message, conversation_id=f"@c{operation}==", open_id=FAN)
    origin = Origin(ORGANIZATION, ACCOUNT, "evt_cause", ids.trace_parent())
    at = await wired.world.now()
    await recaller.take([Envelope.of(event, origin, subject=FAN, seq=1, at=at)])
    await recaller.run_due()
    rows = await wired.world.sql("DELETE FROM douyin.recall RETURNING state, reason")
    ((state, reason),) = rows
    return ("done", None) if state == "recalled" else (state, reason)


async def _read_log(wired: Wired) -> End:
    await wired.world.sql("UPDATE douyin.repair SET next_at = now(), read_until = NULL")
    deps = wired.connector.asking
    desk = IntakeDesk(deps.database, deps.directory, deps.sealer, is_door=False)
    await Repairer(deps, desk, timedelta(minutes=10)).run()
    rows = await wired.world.sql(
        "SELECT read_until IS NOT NULL, next_at > now() + interval '1 hour' FROM douyin.repair"
    )
    ((is_read, is_put_off),) = rows
    if is_read:
        return "done", None
    return ("put off" if is_put_off else "later"), None


async def _look(wired: Wired) -> End:
    await watch(wired.connector.asking, timedelta(hours=1))
    path = f"/v1/douyin-apps/{KEY}/subscription"
    found = await wired.world.http.get(path, headers=wired.world.caller(ORGANIZATION))
    error = found.json()["error"]
    return ("done" if error is None else "seen"), error


async def _switch_off(wired: Wired) -> None:
    url = f"{wired.simulator.url}/event/status/update/"
    off = {"list": [{"event": "im_receive_msg", "status": 0}]}
    headers = {"access-token": str(await wired.connector.asking.tokens.client_token(KEY))}
    async with wired.simulator.http.post(url, json=off, headers=headers) as said:
        assert (await said.json())["extra"]["error_code"] == 0


QUESTIONS = {
    "list cards": Question("/im/get/retain_consult_card/", "lead_card", _list_cards),
    "save a card": Question("/im/save/retain_consult_card/", "lead_card", _save_card),
    "delete a card": Question(
        "/im/del/retain_consult_card/", "lead_card", _delete_card, _have_a_card
    ),
    "list templates": Question(
        f"{_TEMPLATES}/get_applet_template/", "card_template", _list_templates
    ),
    "save a template": Question(
        f"{_TEMPLATES}/set_applet_template/", "card_template", _save_template
    ),
    "delete a template": Question(
        f"{_TEMPLATES}/del_applet_template/", "card_template", _delete_template, _make_a_template
    ),
    "upload an image": Question("/tool/imagex/client_upload/", "image", _upload),
    "a fan's file": Question(
        "/api/im/message/resources/", "direct_message", _media, _fan_sends_a_file
    ),
    "does the fan follow": Question("/fans/check/", "follow_check", _check_follow),
    "who follows": Question("/fans/list/", "fans_list", _list_followers),
    "what fans are like": Question("/api/douyin/v1/user/fans_data/", "fans_data", _draw_portrait),
    "who may be written to": Question("/im/authorize/user_list/", "direct_message", _list_grants),
    "may the fan be written to": Question("/im/authorize/status/", "direct_message", _find_grant),
    "take a message back": Question("/im/recall/msg/", "recall", _recall),
    "read the log": Question(
        "/api/douyin/v1/interactive/intention/log/list/", "interaction_log", _read_log
    ),
    "are webhooks on": Question("/event/status/list/", "webhook", _look),
    "switch webhooks on": Question("/event/status/update/", "webhook", _look, _switch_off),
}
