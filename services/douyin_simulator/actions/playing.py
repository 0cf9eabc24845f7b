"""Playing a scenario against a simulator that runs, and the system behind its webhooks."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

from services.douyin_simulator.actions.scenario_files import Expectation, Scenario, Step
from services.douyin_simulator.clients.controls import ControlRefusedError, Controls
from services.douyin_simulator.domain.scenes import seconds_of, what_is_wrong

_LOOK_AGAIN_S: Final = 0.05
Say = Callable[[str], None]
Advance = Callable[[float], Awaitable[None]]


@dataclass(slots=True)
class Play:
    """One play under way: who the fans are, what they said last, and where the record stood."""

    scenario: Scenario
    controls: Controls
    say: Say
    advance: Advance
    account: str = ""
    open_ids: dict[str, str] = field(default_factory=dict)
    last_said: dict[str, str] = field(default_factory=dict)
    seq_before: int = 0
    failures: list[int] = field(default_factory=list)
    held: int = 0
    broken: int = 0


async def play(scenario: Scenario, controls: Controls, say: Say, advance: Advance) -> bool:
    """Play to the end and tell each line. True if every expectation held.

    What the file changed about the platform is put back, also when the play ends early.
    """
    run = Play(scenario, controls, say, advance)
    say(scenario.name)
    try:
        await _prepare(run)
        began = asyncio.get_running_loop().time()
        for step in scenario.timeline:
            await asyncio.sleep(began + step.at_s - asyncio.get_running_loop().time())
            await _act(run, step)
        for expectation in scenario.expectations:
            await _check(run, expectation)
    finally:
        await _put_back(run)
    total = run.held + run.broken
    say(f"{run.held} of {total} expectations held.")
    return not run.broken


async def _prepare(run: Play) -> None:
    controls, scenario = run.controls, run.scenario
    accounts = (await controls.get("accounts"))["accounts"]
    run.account = scenario.account or accounts[0]["open_id"]
    if run.account not in [account["open_id"] for account in accounts]:
        raise ControlRefusedError(f"there is no account {run.account}")
    people = await controls.get("fans?limit=1")
    for place, fan in enumerate(scenario.fans):
        open_id = fan.open_id or f"fan-{fan.name}-{people['total'] + place}"
        facts = fan.model_dump(exclude={"name"}, exclude_none=True)
        body = {**facts, "open_id": open_id, "account": run.account, "notify": False}
        await controls.post("fans", {"nickname": fan.name, **body})
        run.open_ids[fan.name] = open_id
    if scenario.caps:
        await controls.post("caps", scenario.caps)
    if scenario.manners:
        await controls.post("manners", scenario.manners)
    for fault in scenario.faults:
        await _order(run, fault)
    run.seq_before = (await controls.get("stats"))["accepted"]


async def _put_back(run: Play) -> None:
    for number in run.failures:
        await run.controls.delete(f"failures?id={number}")
    if run.scenario.caps:
        await run.controls.delete("caps")
    if run.scenario.manners:
        await run.controls.delete("manners")


async def _act(run: Play, step: Step) -> None:
    if step.expect is not None:
        await _check(run, step.expect)
        return
    if step.clock is not None:
        await run.advance(seconds_of(step.clock) or 0.0)
        told = f"the clock moves by {step.clock}"
    elif step.fault is not None:
        await _order(run, step.fault)
        told = f"a fault is ordered: {step.fault.get('kind')}"
    elif step.withdraw:
        await run.controls.post("authorisations/withdraw", {"open_id": run.account})
        told = "the owner withdraws the authorisation"
    elif step.staff is not None:
        where = {"from": run.account, "to": run.open_ids[step.staff], "text": step.says}
        await run.controls.post("messages", where)
        told = f"staff tells {step.staff}: {step.says}"
    else:
        told = await _fan_acts(run, step)
    run.say(f"  {step.at_s:6.1f} s  {told}")


async def _fan_acts(run: Play, step: Step) -> str:
    name = step.fan or ""
    who, post = {"from": run.open_ids[name], "to": run.account}, run.controls.post
    if step.says is not None:
        said = await post("messages", {**who, "text": step.says})
        run.last_said[name] = said["msg_id"]
        return f"{name}: {step.says}" + _undelivered(said)
    if step.enters:
        return f"{name} opens the chat" + _undelivered(
            await post("messages", {**who, "event": "enter"})
        )
    if step.follows is not None:
        fan = {"open_id": run.open_ids[name], "follows": step.follows}
        await post("fans", {**fan, "account": run.account})
        return f"{name} {'follows' if step.follows else 'follows no longer'}"
    if step.fills is not None:
        await post("cards/fill", {**who, "card_id": step.fills, "values": step.values})
        return f"{name} fills in {step.fills}"
    if step.joins is not None:
        joined = await post("groups/join", {"group_id": step.joins, "fan": run.open_ids[name]})
        return f"{name} joins {step.joins}: {joined['outcome']}"
    await post("messages/recall", {**who, "msg_id": run.last_said.get(name, "")})
    return f"{name} takes the last message back"


async def _order(run: Play, fault: dict[str, Any]) -> None:  # Any: see Scenario
    match = dict(fault.get("match", {}))
    if match.get("to_user_id") in run.open_ids:
        match["to_user_id"] = run.open_ids[match["to_user_id"]]
    made = await run.controls.post("failures", {**fault, "match": match})
    run.failures.append(made["id"])


async def _check(run: Play, expectation: Expectation) -> None:
    """Look again and again until it holds, or for the whole time if more could still break it."""
    wanted, loop = expectation.wanted, asyncio.get_running_loop()
    until = loop.time() + expectation.patience_s
    while True:
        messages = await _received(run, run.open_ids[expectation.fan])
        settled = wanted.enough(messages) and not wanted.can_only_get_worse()
        if settled or loop.time() >= until:
            break
        await asyncio.sleep(min(_LOOK_AGAIN_S, max(0.0, until - loop.time())))
    wrong = what_is_wrong(wanted, messages)
    run.held, run.broken = run.held + (not wrong), run.broken + bool(wrong)
    said = _as_words(expectation)
    run.say(f"  {'BROKEN' if wrong else 'held':8}  {said}{f': {wrong}' if wrong else ''}")


async def _received(run: Play, open_id: str) -> list[dict[str, Any]]:
    sent = (await run.controls.get(f"sent?after={run.seq_before}&limit=100000"))["messages"]
    return [one for one in sent if one["to_user_id"] == open_id and one["open_id"] == run.account]


def _as_words(expectation: Expectation) -> str:
    wanted = expectation.wanted
    parts = [f"one with {words!r}" for words in wanted.contains]
    parts += [f"none with {words!r}" for words in wanted.lacks]
    if wanted.at_most == wanted.at_least:
        parts.insert(0, str(wanted.at_least))
    elif wanted.at_most is not None:
        parts.insert(0, f"{wanted.at_least} to {wanted.at_most}")
    elif wanted.at_least:
        parts.insert(0, f"at least {wanted.at_least}")
    return f"{expectation.fan} gets {', '.join(parts)} within {expectation.patience_s:g} s"


def _undelivered(said: dict[str, Any]) -> str:
    delivery = said["delivery"]
    if delivery["delivered"]:
        return ""
    return f"  (webhook not delivered: {delivery['problem'] or delivery['status']})"
