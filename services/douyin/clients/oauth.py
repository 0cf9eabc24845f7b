"""Tokens: the calls under `/oauth/`, as the platform's own client makes them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from urllib.parse import urlencode

import orjson

from shared.http.client import Answer, OneTry

TOKEN_SECONDS = 8.0
_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"


async def _at_once(_: str) -> None:
    """Nobody else asks."""


class OAuth:
    """Douyin's token endpoints at one address. Every call raises NotSent or MaybeSent.

    `turn` returns when a call for the app of that key may leave, or raises NotSent.
    """

    def __init__(
        self, base_url: str, http: OneTry, turn: Callable[[str], Awaitable[None]] = _at_once
    ) -> None:
        self._base = base_url.rstrip("/")
        self._http, self._turn = http, turn

    def authorise_url(
        self, client_key: str, scopes: Sequence[str], returns_to: str, state: str
    ) -> str:
        """Where the owner's browser is sent."""
        query = {
            "client_key": client_key,
            "response_type": "code",
            "scope": ",".join(scopes),
            "redirect_uri": returns_to,
            "state": state,
        }
        return f"{self._base}/platform/oauth/connect/?{urlencode(query)}"

    async def exchange(self, client_key: str, secret: str, code: str) -> Answer:
        """The tokens for an authorisation code, which works once."""
        fields = {"client_secret": secret, "code": code, "grant_type": "authorization_code"}
        return await self._form("/oauth/access_token/", client_key, fields)

    async def refresh(self, client_key: str, refresh_token: str) -> Answer:
        """A new access token; the refresh token lives no longer for it."""
        fields = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        return await self._form("/oauth/refresh_token/", client_key, fields)

    async def renew(self, client_key: str, refresh_token: str) -> Answer:
        """A new refresh token; the old one is dead from then on."""
        fields = {"refresh_token": refresh_token}
        return await self._form("/oauth/renew_refresh_token/", client_key, fields)

    async def client_token(self, client_key: str, secret: str) -> Answer:
        """A token of the app itself."""
        fields = {"client_secret": secret, "grant_type": "client_credential"}
        return await self._json("/oauth/client_token/", client_key, fields)

    async def business_token(
        self, client_key: str, secret: str, open_id: str, scope: str
    ) -> Answer:
        """A token for a business relation of the account with the app."""
        fields = {"client_secret": secret, "open_id": open_id, "scope": scope}
        return await self._json("/oauth/business_token/", client_key, fields)

    async def refresh_business_token(
        self, client_key: str, secret: str, refresh_token: str
    ) -> Answer:
        """A new one in its place."""
        fields = {"client_secret": secret, "refresh_token": refresh_token}
        return await self._json("/oauth/refresh_biz_token/", client_key, fields)

    async def business_scopes(self, client_key: str, token: str) -> Answer:
        """What a business token grants."""
        await self._turn(client_key)
        headers = {"Content-Type": _JSON, "access-token": token}
        url = f"{self._base}/oauth/business_scopes/"
        return await self._http.post(url, b"{}", headers, seconds=TOKEN_SECONDS)

    async def _form(self, path: str, client_key: str, fields: Mapping[str, str]) -> Answer:
        await self._turn(client_key)
        return await self._post(
            path, urlencode({"client_key": client_key, **fields}).encode(), _FORM
        )

    async def _json(self, path: str, client_key: str, fields: Mapping[str, str]) -> Answer:
        await self._turn(client_key)
        return await self._post(path, orjson.dumps({"client_key": client_key, **fields}), _JSON)

    async def _post(self, path: str, body: bytes, kind: str) -> Answer:
        headers = {"Content-Type": kind}
        return await self._http.post(f"{self._base}{path}", body, headers, seconds=TOKEN_SECONDS)
