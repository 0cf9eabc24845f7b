"""Conversations played over the real wire: webhooks in, sends at the platform out, compared one by one."""

import asyncio
import contextlib
import itertools
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2

from tests.e2e import wire
from tests.e2e.house import House, eventually
from tests.e2e.script import Conversation, Sent, Shop, Step, span_of
from tests.e2e.stage import APP, PATIENCE_S, OpenShop, Stage, open_stage, seen, with_things

_AT_ONCE: Final = 6
_REPLY, _ENTER = "im_reply_msg", "im_enter_direct_msg"
_DECIDED = (
    "SELECT d.message_id FROM direct_messages.decision d"
    " JOIN direct_messages.message m ON m.account_id = d.account_id AND m.id = d.message_id"
    " WHERE m.account_id = $1 AND m.platform_message_id = $2"
)
_FOLLOWS_DECIDED = (
    "SELECT message_id FROM direct_messages.decision WHERE account_id = $1"
    " AND record #>> '{conversation,fan_open_id}' = $2 AND record #>> '{inbound,trigger}' = 'follow'"
    " ORDER BY decided_at OFFSET $3"
)
_WAITS_DECIDED = (
    "SELECT d.message_id FROM direct_messages.decision d"
    " JOIN direct_messages.message m ON m.account_id = d.account_id AND m.id = d.message_id"
    " JOIN direct_messages.conversation c ON c.account_id = m.account_id AND c.id = m.conversation_id"
    " WHERE m.account_id = $1 AND c.fan_open_id = $2 AND m.kind = 'no_answer'"
    " ORDER BY d.decided_at OFFSET $3"
)
_KNOWN = (
    "SELECT (SELECT follows FROM quota.fan_fact WHERE account_id = $1 AND open_id = $2) = $3"
    " AND (SELECT follows FROM direct_messages.fan_fact WHERE account_id = $1 AND fan_open_id = $2) = $3"
)
_RANKED = (
    "SELECT tier = $3 FROM direct_messages.fan_fact WHERE account_id = $1 AND fan_open_id = $2"
)
_CAME: Final[dict[str, dict[str, str]]] = {
    "ad": {"ad_info": '{"adv_id": "1700000000000001", "ad_id": "1700000000000002"}'},
    "video": {"objectId": "@video001=="},
}
_PERSON_SPOKE = (
    "SELECT count(*) >= $3 FROM direct_messages.message m JOIN direct_messages.conversation c"
    " ON c.account_id = m.account_id AND c.id = m.conversation_id"
    " WHERE m.account_id = $1 AND c.fan_open_id = $2 AND m.actor = 'app'"
)
_KEPT = (
    "SELECT r.is_met = $4 FROM direct_messages.response_clock r JOIN direct_messages.conversation c"
    " ON c.account_id = r.account_id AND c.id = r.conversation_id"
    " WHERE r.account_id = $1 AND c.fan_open_id = $2 AND r.measure = $3"
)


class Record:
    """What the platform accepted, by account and fan, read as it grows."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._after = 0
        self._reading = asyncio.Lock()
        self._of: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)

    async def of(self, account: str, fan: str) -> list[dict[str, Any]]:
        """Everything that a fan got, in order."""
        async with self._reading:
            while True:
                url = f"{self._stage.house.simulator}/_simulator/sent?after={self._after}"
                page = (await self._stage.http.get(url)).json()
                for one in page["messages"]:
                    self._of[one["open_id"], one["to_user_id"]].append(one)
                if not page["messages"]:
                    return self._of[account, fan]
                self._after = page["next_after"]


@dataclass
class Talk:
    """One conversation under way."""

    stage: Stage
    record: Record
    shop: OpenShop
    script: Conversation
    fan: str
    conversation: str | None = None  # our id
    platform_conversation: str = ""
    newest: dict[str, str] = field(default_factory=dict)  # scene → the id that it answers
    at_ms: int = 0  # of the newest message
    got: int = 0  # messages that were checked
    follows: int = 0
    waited: int = 0
    typed: int = 0
    answered: int = 0
    notified: Counter[tuple[str, str]] = field(default_factory=Counter)  # message and label

    async def play(self) -> str:
        """Every step; what went otherwise than written, or nothing."""
        for number, step in enumerate(self.script.steps, 1):
            try:
                wrong = await self._play(step)
            except TimeoutError:
                wrong = "nothing was decided in time"
            except (AssertionError, httpx2.HTTPError) as error:
                wrong = repr(error)
            if wrong:
                return f"step {number} ({step.words}): {wrong}"
        return ""

    async def left_over(self) -> str:
        """What came that nobody wrote down."""
        more = (await self.record.of(self.shop.open_id, self.fan))[self.got :]
        if more:
            return f"also sent: {[one['content'] for one in more]}"
        told = self.stage.tool.of(self.conversation)
        return "" if told == self.notified else f"told {told}, not {self.notified}"

    async def _play(self, step: Step) -> str:
        if step.later:
            await self.stage.advance(span_of(step.later))
            return ""
        if step.until:
            await self.stage.advance_until(step.until)
            return ""
        if step.is_decided:
            decision = await self._decision(step)
            self.conversation = decision["conversation_id"]
            if step.notifies is not None:
                self.notified[decision["inbound"]["id"], step.notifies] += 1
            wrong = self._against(step, decision) or await self._sends(step, decision)
            return wrong or await self._afterwards(step)
        return await self._by_person(step)

    # ------------------------------------------------------------------------------ what happens

    async def _decision(self, step: Step) -> dict[str, Any]:
        """Let the fan do it; the story of what was decided."""
        stage, who = self.stage, {"from": self.fan, "to": self.shop.open_id}
        account = self.shop.account
        told = await self._told(step, who)
        if step.waits:
            found = await stage.until(_WAITS_DECIDED, account, self.fan, self.waited - 1)
        elif step.follows:
            await stage.until(_KNOWN, account, self.fan, True)
            found = await stage.until(_FOLLOWS_DECIDED, account, self.fan, self.follows - 1)
        else:
            found = await stage.until(_DECIDED, account, told)
        story = await stage.api("GET", f"/v1/messages/{found}/decision")
        decision: dict[str, Any] = story.json()
        return decision

    async def _told(self, step: Step, who: dict[str, str]) -> str:
        """The platform's id of what the fan did; a follow has none, nor has a wait."""
        control = self.stage.control
        if step.waits:
            self.waited += 1
            await self.stage.advance(span_of(step.waits))
            return ""
        if step.follows:
            self.follows += 1
            change = {"open_id": self.fan, "account": self.shop.open_id, "follows": True}
            await control("fans", change)
            return ""
        if step.late:
            return await self._told_late(step)
        if step.fills is not None:
            card = {"card_id": self.shop.things["$card"], "values": step.fills}
            said = await control("cards/fill", {**who, **card})
        elif step.enters:
            came = {"event": "enter", "fields": _CAME[step.via] if step.via else {}}
            said = await control("messages", {**who, **came})
        elif step.shows:
            said = await control("messages", {**who, "message_type": step.shows})
        else:
            said = await control("messages", {**who, "text": step.says or step.taps})
        assert said["delivery"]["delivered"], said
        self.newest[_ENTER if step.enters else _REPLY] = said["msg_id"]
        self.platform_conversation = said["conversation_id"]
        self.at_ms = said["at_ms"]
        return str(said["msg_id"])

    async def _told_late(self, step: Step) -> str:
        """The webhook of a message that was written before the newest one, posted only now."""
        number, conversation = (
            f"@late-{self.fan}-{self.got}-{step.late}==",
            self.platform_conversation,
        )
        who = {"from": self.fan, "to": self.shop.open_id}
        known = {"msg_id": number, "conversation_id": conversation, **who}
        await self.stage.control("messages/register", {"messages": [known]})
        before = round(span_of(step.late or "").total_seconds() * 1000)
        content = {
            "conversation_short_id": conversation,
            "server_message_id": number,
            "conversation_type": 1,
            "create_time": self.at_ms - before,
            "message_type": "text",
            "source": "",
            "text": step.says,
        }
        shop = wire.Shop(APP.client_key, APP.secret, self.shop.open_id)
        body = wire.event("im_receive_msg", self.fan, content, shop=shop)
        url = f"{self.stage.house.base}/douyin/webhooks/{APP.client_key}"
        heading = wire.headers(body, secret=APP.secret)
        answer = await self.stage.http.post(url, content=body, headers=heading)
        assert answer.status_code == 200, answer.text
        return number

    async def _by_person(self, step: Step) -> str:
        """What people of the shop do, and a fan who leaves."""
        stage = self.stage
        if step.follows is False:
            change = {"open_id": self.fan, "account": self.shop.open_id, "follows": False}
            await stage.control("fans", change)
            await stage.api(
                "POST", f"/v1/accounts/{self.shop.account}/follow-checks", {"open_id": self.fan}
            )
            await stage.until(_KNOWN, self.shop.account, self.fan, False)
        elif step.types:
            self.typed += 1
            typed = {"from": self.shop.open_id, "to": self.fan, "text": step.types}
            await stage.control("messages", typed)
            await stage.until(_PERSON_SPOKE, self.shop.account, self.fan, self.typed)
        elif step.ranks:
            fans, fan = f"/v1/accounts/{self.shop.account}/fans", {"open_id": self.fan}
            known = (await stage.api("POST", fans, {"fans": [fan]})).json()["results"][0]["id"]
            tier = {"tier": step.ranks, "rule_version": "by hand"}
            await stage.api("PUT", f"/v1/fans/{known}/tier", tier, if_match="*")
            await stage.until(_RANKED, self.shop.account, self.fan, step.ranks)
        elif step.hands_to:
            owner = {"owner": step.hands_to}
            await stage.api(
                "PUT", f"/v1/conversations/{self.conversation}/owner", owner, if_match="*"
            )
        elif step.answers:
            return await self._answered(step)
        return ""

    async def _answered(self, step: Step) -> str:
        path, text = f"/v1/conversations/{self.conversation}/messages", {"text": step.answers}
        self.answered += 1
        key = f'"{self.fan}-{self.answered}"'
        answer = await self.stage.asked("POST", path, text, idempotency_key=key)
        code = None if answer.is_success else answer.json()["code"]
        if code != step.why:
            return f"answered {answer.status_code} {code}, not {step.why or 202}"
        return await self._sends(step, None) or await self._afterwards(step)

    # ------------------------------------------------------------------------------ what comes of it

    def _against(self, step: Step, decision: dict[str, Any]) -> str:
        """How the decision differs from what is written; nothing if it does not."""
        fired = decision["rule"]["name"] if decision["rule"] else None
        outcome, wanted = decision["outcome"], step.why or "replied"
        if outcome != wanted:
            return f"{outcome} (rule {fired}), not {wanted}"
        if step.rule and fired not in step.fired:
            return f"{fired} fired, not {step.rule}"
        owner = (decision["owner_after"], decision["owner_reason"])
        asked = (step.owner or owner[0], step.reason or owner[1])
        if owner != asked:
            return f"owned by {owner}, not {asked}"
        lost = {self.shop.rules[one["rule_id"]]: one["lost"] for one in decision["candidates"]}
        unmet = {name: f"condition:{condition}" for name, condition in step.unmet.items()}
        return "" if unmet.items() <= lost.items() else f"candidates {lost}, not {unmet}"

    async def _sends(self, step: Step, decision: dict[str, Any] | None) -> str:
        """How the messages that came differ from those that are written."""
        before, until = self.got, self.got + len(step.sends)

        async def has_come() -> bool:
            return len(await self.record.of(self.shop.open_id, self.fan)) >= until

        with contextlib.suppress(TimeoutError):  # too few are told like wrong ones
            await seen(has_come)
        record = await self.record.of(self.shop.open_id, self.fan)
        new = record[before:]
        same = record[before - 1]["content"] if before else None
        if len(new) != len(step.sends) or not all(
            _is(one["content"], with_things(wanted, self.shop), same)
            for one, wanted in zip(new, step.sends, strict=True)
        ):
            items = [(one["state"], one["code"]) for one in decision["items"]] if decision else []
            return f"sent {[one['content'] for one in new]}, not {step.sends}; {items}"
        self.got = until
        return self._out_of_place(step, new)

    def _out_of_place(self, step: Step, new: list[dict[str, Any]]) -> str:
        """Messages that do not answer the newest message, or the entry itself."""
        scene = _ENTER if step.enters or _REPLY not in self.newest else _REPLY
        place = (scene, self.newest.get(scene), self.platform_conversation)
        names = ("scene", "reply_to_msg_id", "conversation_id")
        wrong = [one for one in new if tuple(one[name] for name in names) != place]
        return f"not in {place}: {wrong}" if wrong else ""

    async def _afterwards(self, step: Step) -> str:
        """How the conversation, its promises, the lead and what the shop's system was told differ."""
        if step.notifies is not None:

            async def has_heard() -> bool:
                return self.stage.tool.of(self.conversation) == self.notified

            await seen(has_heard)
        for measure, wanted in step.promises.items():
            place = (self.shop.account, self.fan, measure, wanted == "met")
            await self.stage.until(_KEPT, *place)
        if step.tags is not None:
            found = await self.stage.api("GET", f"/v1/conversations/{self.conversation}")
            if found.json()["tags"] != step.tags:
                return f"tags {found.json()['tags']}, not {step.tags}"
        if step.lead is None:
            return ""
        await seen(self._leads)
        stage = step.lead.get("stage")
        with contextlib.suppress(TimeoutError):  # another stage is told like a wrong contact
            await seen(lambda: self._is_at(stage))
        newest, *_ = await self._leads()
        contact = await self.stage.api("GET", f"/v1/leads/{newest['id']}/contact")
        came = newest["attribution"]
        brought = {"came_by": came["source"], "item_id": came["item_id"], **(came["ad"] or {})}
        lead = {**contact.json(), "source": newest["source"], "stage": newest["stage"], **brought}
        return "" if step.lead.items() <= lead.items() else f"lead {lead}, not {step.lead}"

    async def _is_at(self, stage: str | None) -> bool:
        return stage is None or (await self._leads())[0]["stage"] == stage

    async def _leads(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (
            await self.stage.api("GET", f"/v1/leads?open_id={self.fan}")
        ).json()["data"]
        return found


def _is(content: dict[str, Any], wanted: Sent, before: dict[str, Any] | None) -> bool:
    """Whether a message is what is written: a text, one of several, the same as before, or an object."""
    if wanted == "same":
        return content == before
    if isinstance(wanted, str):
        return content == {"msg_type": 1, "text": {"text": wanted}}
    if "one_of" in wanted:
        return any(_is(content, one, before) for one in wanted["one_of"])
    return content == wanted


async def play_all(house: House, scripts: dict[str, Shop]) -> dict[tuple[str, str], str]:
    """(shop, conversation) → what went otherwise than written; nothing where all went so."""
    async with open_stage(house, scripts) as stage:
        record, numbers = Record(stage), itertools.count(1)
        talks = {
            (name, script.name): Talk(stage, record, shop, script, f"talk-{next(numbers):03d}")
            for name, shop in stage.shops.items()
            for script in shop.script.conversations
        }
        told = await _together([t for t in talks.values() if not t.script.moves_time])
        for talk in talks.values():
            if talk.script.moves_time:
                told[talk.fan] = await talk.play()
        await asyncio.to_thread(eventually, house.at_rest, PATIENCE_S)
        return {place: told[t.fan] or await t.left_over() for place, t in talks.items()}


async def _together(talks: list[Talk]) -> dict[str, str]:
    """Some at once; each fan is a conversation of their own."""
    room = asyncio.Semaphore(_AT_ONCE)

    async def play(talk: Talk) -> str:
        async with room:
            return await talk.play()

    told = await asyncio.gather(*(play(talk) for talk in talks))
    return {talk.fan: wrong for talk, wrong in zip(talks, told, strict=True)}
