"""What the 2021 product did in the app: pushes to fans, red packets and draws in groups."""

from dataclasses import dataclass, replace
from typing import Any

from services.douyin_simulator.actions.fans import known_account
from services.douyin_simulator.actions.world import World
from services.douyin_simulator.domain.groups import Group
from services.douyin_simulator.domain.product2021 import (
    Lottery,
    Push,
    RedPacket,
    pushes_in_month,
    split,
)
from services.douyin_simulator.domain.traits import FanTraits
from services.douyin_simulator.store import kept


@dataclass(frozen=True, slots=True)
class PushOrder:
    """A push to be made."""

    account: str
    kind: str
    content: dict[str, Any]  # Any: shown as it came
    recipients: tuple[str, ...]


def push(world: World, order: PushOrder) -> Push | str:
    """Push to those of the recipients who follow, or say why the month has no push left."""
    account = known_account(world, order.account)
    pushes, now_ms = world.store.state.shelves.of(Push), world.now_ms()
    most = world.caps.pushes_per_month
    if pushes_in_month(pushes.values(), account.open_id, now_ms) >= most:
        return f"{account.open_id} has made its {most} pushes of this month"
    why = {fan: _why_not_reached(world, account.open_id, fan) for fan in order.recipients}
    number = world.fresh_id("push", account.client_key)
    reached = tuple(fan for fan, reason in why.items() if not reason)
    missed = {fan: reason for fan, reason in why.items() if reason}
    made = Push(number, account.open_id, order.kind, order.content, now_ms, reached, missed)
    world.store.append(kept(made))
    return made


def give_red_packet(
    world: World, group: Group, total_cents: int, count: int, *, evenly: bool
) -> RedPacket | str:
    """Put money into a group, or say why it cannot be split."""
    number = world.fresh_id("red-packet", world.store.state.accounts[group.account].client_key)
    shares = split(total_cents, count, evenly=evenly, seed=number)
    if shares is None:
        return f"{total_cents} cents cannot be {count} shares of 1 to 20000 cents"
    made = RedPacket(number, group.id, total_cents, shares, world.now_ms())
    world.store.append(kept(made))
    return made


def claim(world: World, packet: RedPacket, fan: str) -> int | str:
    """The cents that a member gets, or why they get none."""
    group = world.store.state.shelves.of(Group)[packet.group]
    if fan not in group.members:
        return f"{fan} is no member"
    claimed = packet.claim(fan, world.now_ms())
    if isinstance(claimed, str):
        return claimed
    world.store.append(kept(claimed))
    return packet.shares[len(packet.claimed_by)]


def open_lottery(world: World, group: Group, prize: str, prizes: int, draws_at_ms: int) -> Lottery:
    """Announce a draw in a group."""
    number = world.fresh_id("lottery", world.store.state.accounts[group.account].client_key)
    made = Lottery(number, group.id, prize, prizes, draws_at_ms)
    world.store.append(kept(made))
    return made


def enter(world: World, lottery: Lottery, fan: str) -> str:
    """A member takes part, once. Returns why not; empty if they do."""
    group = world.store.state.shelves.of(Group)[lottery.group]
    if fan not in group.members:
        return f"{fan} is no member"
    if lottery.drawn or world.now_ms() >= lottery.draws_at_ms:
        return "the draw is closed"
    if fan in lottery.entries:
        return f"{fan} takes part already"
    world.store.append(kept(replace(lottery, entries=(*lottery.entries, fan))))
    return ""


def draw(world: World, lottery: Lottery) -> Lottery | str:
    """Draw the winners when the time has come; drawn twice, it stays as it is."""
    if lottery.drawn:
        return lottery
    if world.now_ms() < lottery.draws_at_ms:
        return "the draw is not due yet"
    drawn = lottery.draw()
    world.store.append(kept(drawn))
    return drawn


def _why_not_reached(world: World, account: str, fan: str) -> str:
    state = world.store.state
    if not state.follows.get((account, fan), False):
        return "does not follow"
    traits = state.shelves.of(FanTraits).get(fan)
    return "" if traits is None or traits.standing == "ok" else f"is {traits.standing}"
