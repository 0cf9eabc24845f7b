"""Caps, manners and limits that a test changes while the platform runs."""

from dataclasses import asdict, replace
from typing import Any

from services.douyin_simulator.actions.world import World
from services.douyin_simulator.domain.traits import Override, PathLimit
from services.douyin_simulator.store import kept, taken

Values = dict[str, Any]  # Any: numbers and words, checked by the control


def follow_overrides(world: World) -> None:
    """Caps and manners are those of the settings, but for what was changed since."""
    changed, (caps, manners) = world.store.state.shelves.of(Override), world.usual
    if "caps" in changed:
        caps = replace(caps, **changed["caps"].values)
    if "manners" in changed:
        manners = replace(manners, **changed["manners"].values)
    world.caps, world.manners = caps, manners


def override(world: World, name: str, values: Values) -> Values:
    """Change caps or manners, over restarts; what is not named stays. Returns all of them."""
    known = world.store.state.shelves.of(Override).get(name)
    world.store.append(kept(Override(name, {**(known.values if known else {}), **values})))
    follow_overrides(world)
    return current(world, name)


def forget_overrides(world: World, name: str) -> Values:
    """What the settings say holds again."""
    world.store.append(taken(Override, name))
    follow_overrides(world)
    return current(world, name)


def current(world: World, name: str) -> Values:
    """Caps or manners as they hold now."""
    return asdict(world.caps if name == "caps" else world.manners)


def limit_path(world: World, limit: PathLimit) -> None:
    """Limit the calls to a path for each app; without numbers the limit goes."""
    if limit.per_second or limit.per_day:
        world.store.append(kept(limit))
    else:
        world.store.append(taken(PathLimit, limit.id))
