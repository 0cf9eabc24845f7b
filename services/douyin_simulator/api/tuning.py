"""Controls about numbers and manners that the platform shows while it runs."""

from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from services.douyin_simulator.actions import overriding
from services.douyin_simulator.actions.world import World
from services.douyin_simulator.api.models.base import Body
from services.douyin_simulator.api.models.platform import CapsBody, LimitBody, MannersBody
from services.douyin_simulator.api.problems import answer_json, read
from services.douyin_simulator.domain.traits import PathLimit


async def show_caps(world: World, _: Request) -> Response:
    """The caps that hold now."""
    return answer_json(overriding.current(world, "caps"))


async def change_caps(world: World, request: Request) -> Response:
    """Change caps; what is not named stays."""
    return answer_json(overriding.override(world, "caps", await _named(CapsBody, request)))


async def forget_caps(world: World, _: Request) -> Response:
    """The caps of the settings hold again."""
    return answer_json(overriding.forget_overrides(world, "caps"))


async def show_manners(world: World, _: Request) -> Response:
    """The manners that hold now."""
    return answer_json(overriding.current(world, "manners"))


async def change_manners(world: World, request: Request) -> Response:
    """Change manners; what is not named stays."""
    return answer_json(overriding.override(world, "manners", await _named(MannersBody, request)))


async def forget_manners(world: World, _: Request) -> Response:
    """The manners of the settings hold again."""
    return answer_json(overriding.forget_overrides(world, "manners"))


async def show_limits(world: World, _: Request) -> Response:
    """The limits on single paths."""
    limits = [asdict(limit) for limit in world.store.state.shelves.of(PathLimit).values()]
    for limit in limits:
        limit["path"] = limit.pop("id")
    return answer_json({"limits": limits})


async def limit_path(world: World, request: Request) -> Response:
    """Limit the calls to one path, or to every path with `*`."""
    body = await read(LimitBody, request)
    overriding.limit_path(world, PathLimit(body.path, body.per_second, body.per_day))
    return await show_limits(world, request)


async def _named(model: type[Body], request: Request) -> dict[str, Any]:
    return (await read(model, request)).model_dump(exclude_unset=True)
