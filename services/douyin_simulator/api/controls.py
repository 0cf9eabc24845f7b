"""The controls under `/_simulator/`: routes, and what they all do alike."""

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from services.douyin_simulator.actions import controls
from services.douyin_simulator.actions.fans import UnknownAccountError
from services.douyin_simulator.actions.world import World
from services.douyin_simulator.api import (
    doings,
    groups,
    owners,
    people,
    product2021,
    switches,
    tuning,
)
from services.douyin_simulator.api.problems import ControlError, answer_json, problem

Handler = Callable[[World, Request], Awaitable[Response]]

_ROUTES: Final[dict[str, dict[str, Handler]]] = {
    "/_simulator/sent": {"GET": people.sent},
    "/_simulator/messages": {"POST": people.say},
    "/_simulator/messages/register": {"POST": people.register},
    "/_simulator/messages/recall": {"POST": doings.recall},
    "/_simulator/messages/read": {"POST": doings.mark_read},
    "/_simulator/cards/fill": {"POST": doings.fill_card},
    "/_simulator/reviews": {"POST": doings.review},
    "/_simulator/grants": {"POST": doings.grant},
    "/_simulator/events": {"POST": doings.post_event},
    "/_simulator/media/{key}": {"GET": doings.media},
    "/_simulator/groups": {"GET": groups.list_groups},
    "/_simulator/groups/messages": {"GET": groups.list_messages, "POST": groups.say},
    "/_simulator/groups/join": {"POST": groups.join},
    "/_simulator/groups/leave": {"POST": groups.leave},
    "/_simulator/videos": {"POST": groups.publish_video},
    "/_simulator/live": {"POST": groups.go_live},
    "/_simulator/product2021/pushes": {"GET": product2021.list_pushes, "POST": product2021.push},
    "/_simulator/product2021/red-packets": {
        "GET": product2021.list_red_packets,
        "POST": product2021.give_red_packet,
    },
    "/_simulator/product2021/red-packets/claim": {"POST": product2021.claim},
    "/_simulator/product2021/lotteries": {
        "GET": product2021.list_lotteries,
        "POST": product2021.open_lottery,
    },
    "/_simulator/product2021/lotteries/enter": {"POST": product2021.enter},
    "/_simulator/product2021/lotteries/draw": {"POST": product2021.draw},
    "/_simulator/fans": {"GET": people.list_fans, "POST": people.change_fans},
    "/_simulator/clock": {"GET": switches.show_clock, "POST": switches.move_clock},
    "/_simulator/failures": {
        "GET": switches.list_failures,
        "POST": switches.order_failure,
        "DELETE": switches.clear_failures,
    },
    "/_simulator/stats": {"GET": switches.stats},
    "/_simulator/reset": {"POST": switches.reset},
    "/_simulator/webhooks": {"GET": switches.webhook_attempts},
    "/_simulator/webhooks/verify": {"POST": switches.verify},
    "/_simulator/caps": {
        "GET": tuning.show_caps,
        "POST": tuning.change_caps,
        "DELETE": tuning.forget_caps,
    },
    "/_simulator/manners": {
        "GET": tuning.show_manners,
        "POST": tuning.change_manners,
        "DELETE": tuning.forget_manners,
    },
    "/_simulator/limits": {"GET": tuning.show_limits, "POST": tuning.limit_path},
    "/_simulator/apps": {"GET": owners.list_apps, "POST": owners.put_app},
    "/_simulator/accounts": {"GET": owners.list_accounts, "POST": owners.put_account},
    "/_simulator/codes": {"POST": owners.issue_code},
    "/_simulator/tokens/end": {"POST": owners.end_tokens},
    "/_simulator/authorisations": {"POST": owners.authorise},
    "/_simulator/authorisations/withdraw": {"POST": owners.withdraw},
    "/_simulator/consent": {"POST": owners.consent},
}


def controls_app(world: World) -> Starlette:
    """Controls and health as one app."""
    routes = [_route(world, path, handlers) for path, handlers in _ROUTES.items()]
    routes += [
        Route("/livez", _alive),
        Route("/readyz", _alive),
        Route("/metrics", _metrics(world)),
    ]
    handlers: dict[type[Exception] | int, Callable[..., Response]] = {
        HTTPException: _http_problem,
        ControlError: _control_problem,
        UnknownAccountError: _unknown_account,
        ClientDisconnect: _control_problem,
    }
    return Starlette(routes=routes, exception_handlers=handlers)


def _route(world: World, path: str, handlers: dict[str, Handler]) -> Route:
    async def endpoint(request: Request) -> Response:
        # Starlette answers HEAD where it answers GET.
        method = "GET" if request.method == "HEAD" else request.method
        return await handlers[method](world, request)

    return Route(path, endpoint, methods=list(handlers))


async def _alive(_: Request) -> Response:
    return answer_json({"status": "ok"})


def _metrics(world: World) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(_: Request) -> Response:
        figures = controls.stats(world)
        values = {
            "accepted_total": figures["accepted"],
            "refused_total": figures["refused"],
            "injected_total": figures["injected"],
            "webhooks_delivered_total": figures["webhooks"]["delivered"],
            "webhooks_failed_total": figures["webhooks"]["failed"],
            "webhooks_pending": figures["webhooks"]["pending"],
        }
        lines = [f"siyu_simulator_{name} {value}\n" for name, value in values.items()]
        return PlainTextResponse("".join(lines), media_type="text/plain; version=0.0.4")

    return endpoint


def _http_problem(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise TypeError(error)
    code = {404: "simulator.not_found", 405: "simulator.method_not_allowed"}
    return problem(error.status_code, code.get(error.status_code, "simulator.http"), error.detail)


def _control_problem(_: Request, error: Exception) -> Response:
    if isinstance(error, ControlError):
        return problem(error.status, error.code, str(error), error.errors)
    return problem(400, "simulator.body_incomplete", "The body ended too early.")


def _unknown_account(_: Request, error: Exception) -> Response:
    return problem(422, "simulator.unknown_account", f"There is no account {error}.")
