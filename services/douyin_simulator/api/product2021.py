"""The 2021 product's push, red packets and lottery. Douyin has no API for them: these paths are ours."""

from dataclasses import asdict
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from services.douyin_simulator.actions import product2021
from services.douyin_simulator.actions.world import World
from services.douyin_simulator.api.models.product2021 import (
    LotteryBody,
    NumberBody,
    PushBody,
    RedPacketBody,
    TakerBody,
)
from services.douyin_simulator.api.problems import ControlError, answer_json, page, read
from services.douyin_simulator.domain.groups import Group
from services.douyin_simulator.domain.product2021 import Lottery, Push, RedPacket
from services.douyin_simulator.domain.things import Thing

Kind = TypeVar("Kind", bound=Thing)


async def list_pushes(world: World, request: Request) -> Response:
    """All pushes in order, each with whom it reached."""
    after, limit = page(request)
    pushes = list(world.store.state.shelves.of(Push).values())[after : after + limit]
    shown = [asdict(one) for one in pushes]
    return answer_json({"pushes": shown, "next_after": after + len(shown)})


async def push(world: World, request: Request) -> Response:
    """Push to fans."""
    body = await read(PushBody, request)
    account = body.account or world.demo.account
    order = product2021.PushOrder(account, body.kind, body.content, tuple(body.recipients))
    made = product2021.push(world, order)
    return answer_json(asdict(_accepted(made)), status=201)


async def list_red_packets(world: World, _: Request) -> Response:
    """All red packets with what was claimed and what went back."""
    packets = world.store.state.shelves.of(RedPacket).values()
    now_ms = world.now_ms()
    shown = [_packet(one, now_ms) for one in packets]
    return answer_json({"red_packets": shown})


async def give_red_packet(world: World, request: Request) -> Response:
    """Put money into a group."""
    body = await read(RedPacketBody, request)
    made = product2021.give_red_packet(
        world,
        _known(world, Group, body.group_id),
        body.total_cents,
        body.count,
        evenly=body.kind == "equal",
    )
    return answer_json(_packet(_accepted(made), world.now_ms()), status=201)


async def claim(world: World, request: Request) -> Response:
    """A member claims a share."""
    body = await read(TakerBody, request)
    cents = product2021.claim(world, _known(world, RedPacket, body.id), body.fan)
    return answer_json({"cents": _accepted(cents)})


async def list_lotteries(world: World, _: Request) -> Response:
    """All draws."""
    lotteries = world.store.state.shelves.of(Lottery).values()
    return answer_json({"lotteries": [asdict(one) for one in lotteries]})


async def open_lottery(world: World, request: Request) -> Response:
    """Announce a draw."""
    body = await read(LotteryBody, request)
    group = _known(world, Group, body.group_id)
    draws_at_ms = world.now_ms() + body.draws_in_s * 1000
    made = product2021.open_lottery(world, group, body.prize, body.prizes, draws_at_ms)
    return answer_json(asdict(made), status=201)


async def enter(world: World, request: Request) -> Response:
    """A member takes part."""
    body = await read(TakerBody, request)
    wrong = product2021.enter(world, _known(world, Lottery, body.id), body.fan)
    if wrong:
        raise _refused(wrong)
    return answer_json({"entered": body.fan})


async def draw(world: World, request: Request) -> Response:
    """Draw the winners."""
    body = await read(NumberBody, request)
    drawn = product2021.draw(world, _known(world, Lottery, body.id))
    return answer_json(asdict(_accepted(drawn)))


def _packet(packet: RedPacket, now_ms: int) -> dict[str, Any]:
    claims = dict(zip(packet.claimed_by, packet.shares, strict=False))
    shown = {"id": packet.id, "group_id": packet.group, "total_cents": packet.total_cents}
    refunded = packet.refunded_cents(now_ms)
    return {**shown, "count": len(packet.shares), "claims": claims, "refunded_cents": refunded}


def _known(world: World, kind: type[Kind], number: str) -> Kind:
    found = world.store.state.shelves.of(kind).get(number)
    if found is None:
        detail = f"There is no {kind.__name__} {number}."
        raise ControlError(422, "simulator.unknown_id", detail)
    return found


Result = TypeVar("Result")


def _accepted(result: Result | str) -> Result:
    if isinstance(result, str):
        raise _refused(result)
    return result


def _refused(why: str) -> ControlError:
    return ControlError(409, "simulator.product2021_refused", f"{why[:1].upper()}{why[1:]}.")
