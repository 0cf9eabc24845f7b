"""Controls about apps, accounts, and what owners grant to apps."""

from dataclasses import asdict
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.douyin_simulator.actions import authorising, controls
from services.douyin_simulator.actions.calling import Call
from services.douyin_simulator.actions.world import World
from services.douyin_simulator.api.models.owners import (
    AccountBody,
    AppBody,
    AuthorisationBody,
    OwnerBody,
    WithdrawalBody,
)
from services.douyin_simulator.api.problems import ControlError, answer_json, read
from services.douyin_simulator.domain.codes import describe
from services.douyin_simulator.domain.platform import App
from services.douyin_simulator.domain.traits import AccountTraits


async def list_apps(world: World, _: Request) -> Response:
    """All apps, without their secrets."""
    apps = [
        {
            "client_key": app.client_key,
            "webhook_url": world.webhook_url(app),
            "scopes": app.scopes,
            "redirect_domain": app.redirect_domain,
            "own_open_ids": app.own_open_ids,
        }
        for app in world.store.state.apps.values()
    ]
    return answer_json({"apps": apps})


async def put_app(world: World, request: Request) -> Response:
    """Create or change an app."""
    body = await read(AppBody, request)
    scopes = None if body.scopes is None else tuple(body.scopes)
    wrong = controls.put_app(world, App(**{**body.model_dump(), "scopes": scopes}))
    if wrong:
        raise ControlError(422, "simulator.body_invalid", wrong)
    return await list_apps(world, request)


async def list_accounts(world: World, _: Request) -> Response:
    """All accounts."""
    traits = world.store.state.shelves.of(AccountTraits)
    accounts = [
        {**asdict(traits.get(account.open_id, AccountTraits(account.open_id))), **asdict(account)}
        for account in world.store.state.accounts.values()
    ]
    for account in accounts:
        del account["id"]
    return answer_json({"accounts": accounts})


async def put_account(world: World, request: Request) -> Response:
    """Create or change an account."""
    body = await read(AccountBody, request)
    if not controls.put_account(world, body.open_id, body.client_key, body.nickname):
        detail = f"There is no app {body.client_key}, or {body.open_id} is with another one."
        raise ControlError(422, "simulator.unknown_app", detail)
    named = body.model_fields_set & {"workbench", "certified", "banned", "phone"}
    controls.describe_account(world, body.open_id, body.model_dump(include=named))
    return await list_accounts(world, request)


async def issue_code(world: World, request: Request) -> Response:
    """An authorisation code, as if the owner had agreed."""
    open_id = (await read(OwnerBody, request)).open_id
    given = authorising.issue_code(world, open_id)
    if given is None:
        raise _unknown(open_id)
    return answer_json(asdict(given), status=201)


async def authorise(world: World, request: Request) -> Response:
    """The owner agrees to an app, in place of the page; answers with the code."""
    body = await read(AuthorisationBody, request)
    app = world.store.state.apps.get(body.client_key or world.demo.client_key)
    if app is None:
        detail = f"There is no app {body.client_key}."
        raise ControlError(422, "simulator.unknown_app", detail)
    scopes = None if body.scopes is None else tuple(body.scopes)
    given = authorising.agree(world, app, body.open_id, scopes, notify=body.notify)
    if given is None:
        raise _unknown(body.open_id)
    return answer_json(asdict(given), status=201)


async def withdraw(world: World, request: Request) -> Response:
    """The owner takes scopes back, or everything; the app is told."""
    body = await read(WithdrawalBody, request)
    scopes = None if body.scopes is None else tuple(body.scopes)
    changed = authorising.withdraw(world, body.open_id, scopes, notify=body.notify)
    if changed is None:
        raise _unknown(body.open_id)
    return answer_json({"tokens_changed": changed})


async def consent(world: World, request: Request) -> Response:
    """The button of the authorisation page: back to the app with a code."""
    form = dict(parse_qsl((await request.body()).decode("utf-8", errors="replace")))
    call = Call("", form.get("open_id", ""), "", {**form, "response_type": "code"})
    app = authorising.check_request(world, call)
    if isinstance(app, int):
        raise ControlError(422, "simulator.consent_refused", f"{app}: {describe(app)}.")
    scopes = tuple(filter(None, call.text("scope").split(",")))
    given = authorising.agree(world, app, call.open_id, scopes, notify=True)
    if given is None:
        raise _unknown(call.open_id)
    target = urlsplit(call.text("redirect_uri"))
    said = [("code", given.code), ("state", call.text("state")), ("scopes", ",".join(scopes))]
    query = urlencode([*parse_qsl(target.query), *said])
    return RedirectResponse(urlunsplit(target._replace(query=query)), status_code=302)


async def end_tokens(world: World, request: Request) -> Response:
    """End an account's access tokens now, and with `refresh_too` its refresh tokens."""
    body = await read(OwnerBody, request)
    ended = authorising.end_tokens(world, body.open_id, refresh_too=body.refresh_too)
    return answer_json({"ended": ended})


def _unknown(open_id: str) -> ControlError:
    return ControlError(422, "simulator.unknown_account", f"There is no account {open_id}.")
