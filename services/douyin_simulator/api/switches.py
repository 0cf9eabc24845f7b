"""Controls about the platform itself: clock, failures, figures, apps, tokens."""

from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from services.douyin_simulator.actions import controls, seeding
from services.douyin_simulator.actions.world import World
from services.douyin_simulator.api.models.platform import (
    ClockBody,
    FailureBody,
    VerifyBody,
)
from services.douyin_simulator.api.problems import (
    ControlError,
    answer_json,
    number,
    page,
    read,
)
from services.douyin_simulator.domain.failures import Failure, Match
from services.douyin_simulator.domain.identifiers import MAX_CLOCK_MS


async def show_clock(world: World, _: Request) -> Response:
    """The platform's time in ms."""
    return answer_json({"now_ms": world.now_ms(), "offset_ms": world.store.state.offset_ms})


async def move_clock(world: World, request: Request) -> Response:
    """Advance or set the clock."""
    body = await read(ClockBody, request)
    offset_ms = body.offset_ms
    if offset_ms is None:
        offset_ms = world.store.state.offset_ms + (body.advance_ms or 0)
    if not 0 <= world.wall_ms() + offset_ms <= MAX_CLOCK_MS:
        detail = "The clock would leave the years 1970 to 2200."
        raise ControlError(422, "simulator.clock_out_of_range", detail)
    controls.move_clock(world, offset_ms=offset_ms)
    return await show_clock(world, request)


async def list_failures(world: World, _: Request) -> Response:
    """All orders with how often they have struck."""
    return answer_json({"failures": [_shown(one) for one in controls.list_failures(world)]})


async def order_failure(world: World, request: Request) -> Response:
    """Order a failure."""
    body = await read(FailureBody, request)
    match = Match(**body.match.model_dump())
    failure = Failure(
        number=0,
        kind=body.kind,
        match=match,
        accepted=False,
        probability=1.0 if body.probability is None else body.probability,
        seed=body.seed,
        remaining=body.count,
        delay_ms=body.delay_ms,
        status=body.status,
        code=body.code,
        envelope=body.envelope,
    )
    return answer_json(
        _shown(controls.order_failure(world, failure, accepted=body.accepted)), status=201
    )


async def clear_failures(world: World, request: Request) -> Response:
    """Withdraw the order `?id=`, or all."""
    wanted = number(request, "id", 0, 2**53) or None
    if not controls.clear_failures(world, wanted):
        raise ControlError(404, "simulator.not_found", f"There is no failure {wanted}.")
    return await list_failures(world, request)


async def stats(world: World, _: Request) -> Response:
    """Figures."""
    return answer_json(controls.stats(world))


async def reset(world: World, _: Request) -> Response:
    """Begin a new world."""
    seeding.reset(world)
    return answer_json(controls.stats(world))


async def webhook_attempts(world: World, request: Request) -> Response:
    """The delivery log."""
    after, limit = page(request)
    attempts = controls.webhook_attempts(world, after, limit)
    last = attempts[-1].seq if attempts else after
    return answer_json({"attempts": [one._asdict() for one in attempts], "next_after": last})


async def verify(world: World, request: Request) -> Response:
    """Run the verification handshake."""
    client_key = (await read(VerifyBody, request)).client_key or world.demo.client_key
    report = await controls.verify(world, client_key)
    if report is None:
        raise ControlError(422, "simulator.unknown_app", f"There is no app {client_key}.")
    return answer_json(report)


def _shown(failure: Failure) -> dict[str, Any]:
    shown = asdict(failure)
    return {"id": shown.pop("number"), **shown}
