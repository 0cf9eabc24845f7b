"""What a test may do to the platform itself: move time, order failures, ask what happened."""

import secrets
from dataclasses import replace
from itertools import islice
from typing import Any

import orjson

from services.douyin_simulator.actions.publishing import signed_event
from services.douyin_simulator.actions.seeding import account_record, app_record
from services.douyin_simulator.actions.world import World
from services.douyin_simulator.clients import Attempt, Target, UnusableUrlError
from services.douyin_simulator.domain import events
from services.douyin_simulator.domain.failures import (
    ACCEPTANCE_IS_FIXED,
    ACCEPTS_BY_DEFAULT,
    Failure,
    FailureKind,
)
from services.douyin_simulator.domain.identifiers import header_id
from services.douyin_simulator.domain.platform import App
from services.douyin_simulator.domain.traits import AccountTraits
from services.douyin_simulator.store import kept

Facts = dict[str, Any]  # Any: one JSON answer


def move_clock(world: World, *, offset_ms: int) -> None:
    """Set how far the platform's time is ahead of real time; kept over restarts."""
    world.store.append({"t": "clock", "offset_ms": offset_ms})


def sent_page(world: World, after: int, limit: int) -> tuple[list[bytes], int]:
    """Accepted messages after number `after`, as JSON, and the number to continue from."""
    page = world.store.state.sent[after : after + limit]
    return page, after + len(page)


def order_failure(world: World, failure: Failure, *, accepted: bool | None) -> Failure:
    """Arrange a failure for sends or webhooks to come.

    `accepted` says whether the struck message is recorded, for the kinds that leave it open.
    """
    usual = failure.kind in ACCEPTS_BY_DEFAULT
    fixed = failure.kind in ACCEPTANCE_IS_FIXED or accepted is None
    match = failure.match
    if failure.kind is FailureKind.WEBHOOK_LOST_ECHO:
        match = replace(match, event=events.SENT)
    order = replace(
        failure,
        number=world.store.state.last_failure + 1,
        match=match,
        accepted=usual if fixed else bool(accepted),
    )
    world.add_failure(order)
    return order


def list_failures(world: World) -> list[Failure]:
    """All orders, oldest first, also those that have struck as often as they should."""
    return list(world.store.state.failures.values())


def clear_failures(world: World, number: int | None) -> bool:
    """Withdraw one order, or all of them. False if there is no such order."""
    if number is not None and number not in world.store.state.failures:
        return False
    world.store.append({"t": "failures_cleared", "number": number})
    return True


def stats(world: World) -> Facts:
    """Figures: accepted since the world began, all else since this process started."""
    webhooks, tally = world.webhooks, world.tally
    return {
        "accepted": len(world.store.state.sent),
        "refused": sum(tally.refused.values()),
        "refused_by_code": {str(code): times for code, times in sorted(tally.refused.items())},
        "injected": sum(tally.injected.values()),
        "injected_by_kind": dict(sorted(tally.injected.items())),
        "webhooks": {
            "delivered": webhooks.delivered,
            "failed": webhooks.failed,
            "pending": webhooks.pending,
        },
    }


def webhook_attempts(world: World, after: int, limit: int) -> list[Attempt]:
    """Tries of webhooks after number `after`; the newest 20,000 are kept."""
    later = (attempt for attempt in list(world.webhooks.attempts) if attempt.seq > after)
    return list(islice(later, limit))


async def verify(world: World, client_key: str) -> Facts | None:
    """Run the handshake of a saved callback URL. None: no such app."""
    if client_key not in world.store.state.apps:
        return None
    challenge = secrets.randbelow(2**31)
    body = orjson.dumps(
        {"event": events.VERIFY, "client_key": client_key, "content": {"challenge": challenge}}
    )
    msg_id = header_id("verify", client_key, challenge)
    event = signed_event(world, msg_id, client_key, events.VERIFY, body)
    answer = await world.webhooks.post_once(event)
    problem = answer.problem or _handshake_problem(answer.status, answer.body, challenge)
    return {
        "verified": not problem,
        "url": event.url,
        "challenge": challenge,
        "status": answer.status,
        "answer": answer.body.decode(errors="replace")[:1000],
        "problem": problem,
    }


def put_app(world: World, app: App) -> str:
    """Create or change an app. Returns what is wrong with the URL: then nothing changes."""
    try:
        Target.of(world.webhook_url(app))
    except UnusableUrlError as error:
        return str(error)
    world.store.append(app_record(app))
    return ""


def put_account(world: World, open_id: str, client_key: str, nickname: str) -> bool:
    """Create an account, or change its name. False: no such app, or another app has it."""
    state = world.store.state
    known = state.accounts.get(open_id)
    if client_key not in state.apps or (known and known.client_key != client_key):
        return False
    world.store.append(account_record(open_id, client_key, nickname))
    return True


def describe_account(world: World, open_id: str, traits: dict[str, Any]) -> None:
    """Change what keeps an account from sending; what is not named stays."""
    known = world.store.state.shelves.of(AccountTraits).get(open_id, AccountTraits(open_id))
    if traits:
        world.store.append(kept(replace(known, **traits)))


def _handshake_problem(status: int, body: bytes, challenge: int) -> str:
    if status != 200:  # noqa: PLR2004
        return f"the status is {status}, not 200"
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return "the body is not JSON"
    echoed = answer.get("challenge") if isinstance(answer, dict) else None
    if type(echoed) is not int or echoed != challenge:
        return "the challenge is not echoed as the same integer"
    return ""
