"""The page on which an owner would scan a code with the app; here they choose an account."""

from html import escape
from typing import Final

from services.douyin_simulator.actions.authorising import check_request
from services.douyin_simulator.actions.calling import Call
from services.douyin_simulator.actions.world import World
from services.douyin_simulator.domain.codes import describe

CONSENT_PATHS: Final = frozenset(
    {("GET", "/platform/oauth/connect"), ("GET", "/platform/oauth/connect/")}
)
_CARRIED: Final = ("client_key", "redirect_uri", "state", "scope", "optionalScope")
_PAGE: Final = """<!doctype html>
<html lang="zh"><head><meta charset="utf-8"><title>授权 · Authorise</title></head>
<body><h1>模拟抖音授权 · Simulated Douyin authorisation</h1>{content}</body></html>
"""
_CHOICE: Final = (
    '<form method="post" action="/_simulator/consent">{carried}'
    '<button name="open_id" value="{open_id}">{name} ({open_id})</button></form>'
)


def consent_page(world: World, call: Call) -> tuple[int, str]:
    """HTTP status and page: one button per account, or what is wrong with the link."""
    app = check_request(world, call)
    if isinstance(app, int):
        said = f"<p>错误 {app}: {escape(describe(app))}</p>"
        return 400, _PAGE.format(content=said)
    carried = "".join(
        f'<input type="hidden" name="{name}" value="{escape(call.text(name))}">'
        for name in _CARRIED
    )
    choices = (
        _CHOICE.format(
            carried=carried, open_id=escape(account.open_id), name=escape(account.nickname)
        )
        for account in world.store.state.accounts.values()
    )
    scope = escape(call.text("scope"))
    asked = f"<p>{escape(app.client_key)} 请求 asks for: {scope}</p>"
    return 200, _PAGE.format(content=asked + "".join(choices))
