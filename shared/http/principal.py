"""Who calls: API keys exchanged at `open_platform` for a short token, verified locally by everybody."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any

import jwt
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer

from shared import ids
from shared.errors import Forbidden, Unauthenticated
from shared.http.limits import Limits
from shared.sealing import Sealer

_AUDIENCE = "siyu"
_INTERNAL = "internal"
_CACHE_SECONDS = 60
_CACHE_MOST = 10_000


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller of a request. `organization_id` is the tenant; nothing else decides it."""

    organization_id: str
    key_id: str
    scopes: frozenset[str]


class Tokens:
    """Issues and verifies the 15-minute tokens (EdDSA; the key derives from the master key)."""

    def __init__(self, sealer: Sealer) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(sealer.derive("token-signing"))
        self._public = self._key.public_key()

    def issue(self, principal: Principal, seconds: int = 900) -> str:
        """A token for `principal`."""
        now = int(time.time())
        claims = {
            "iss": "open_platform",
            "aud": _AUDIENCE,
            "iat": now,
            "exp": now + seconds,
            "jti": ids.new("tok"),
            "client_id": principal.key_id,
            "org": principal.organization_id,
            "scope": " ".join(sorted(principal.scopes)),
        }
        return jwt.encode(claims, self._key, algorithm="EdDSA", headers={"typ": "at+jwt"})

    def issue_internal(self, service: str) -> str:
        """A token with which `service` asks another."""
        return self.issue(Principal("", f"service:{service}", frozenset({_INTERNAL})))

    def verify(self, token: str) -> Principal:
        """The principal. Raises Unauthenticated."""
        try:
            claims = jwt.decode(
                token,
                self._public,
                algorithms=["EdDSA"],
                audience=_AUDIENCE,
                issuer="open_platform",
                options={"require": ["exp", "aud", "iss"]},
            )
            if jwt.get_unverified_header(token).get("typ") != "at+jwt":
                raise Unauthenticated("not an access token")
            return Principal(claims["org"], claims["client_id"], frozenset(claims["scope"].split()))
        except (jwt.InvalidTokenError, KeyError) as error:
            raise Unauthenticated("the token is not valid") from error


class Authenticator:
    """Turns the Authorization header into a principal.

    Keys are asked for and tokens verified once a minute: what ends or is revoked ends within that minute.
    """

    def __init__(self, tokens: Tokens, exchange: Callable[[str], Awaitable[str | None]]) -> None:
        self._tokens = tokens
        self._exchange = exchange  # API key → token, or None when unknown
        self._known: dict[str, tuple[float, Principal]] = {}

    def is_ours(self, header: str) -> bool:
        """Whether `Authorization: Bearer …` is that of one of our own services."""
        try:
            return _INTERNAL in self._tokens.verify(header.partition(" ")[2]).scopes
        except Unauthenticated:
            return False

    async def authenticate(self, header: str) -> Principal:
        """The principal of `Authorization: Bearer …`. Raises Unauthenticated, NeighbourAway."""
        scheme, _, credential = header.partition(" ")
        if scheme.lower() != "bearer" or not credential:
            raise Unauthenticated("send Authorization: Bearer <API key>")
        known = self._known.get(credential)
        if known and known[0] > time.monotonic():
            return known[1]
        token: str | None = credential
        if credential.startswith("dyk_"):
            token = await self._exchange(credential)
        if token is None:
            raise Unauthenticated("the API key is unknown, expired or revoked")
        principal = self._tokens.verify(token)
        if len(self._known) >= _CACHE_MOST:
            self._known.clear()
        self._known[credential] = (time.monotonic() + _CACHE_SECONDS, principal)
        return principal


_SCHEME = HTTPBearer(
    scheme_name="ApiKey",
    bearerFormat="dyk_live_…",
    description="An API key, or a token of one. The scopes that an operation needs stand beside it.",
    auto_error=False,
)


def caller_with(scope: str) -> Any:  # FastAPI's own type for dependencies
    """The dependency of an endpoint that needs `scope`, used in `Annotated[Principal, …]`."""

    async def caller(
        request: Request, _: Annotated[object, Security(_SCHEME, scopes=[scope])]
    ) -> Principal:
        authenticator: Authenticator = request.app.state.authenticator
        principal = await authenticator.authenticate(request.headers.get("authorization", ""))
        if principal.organization_id:  # our own services ask as often as they must
            limits: Limits = request.app.state.limits
            limits.take(request.scope, principal.key_id)
            structlog.contextvars.bind_contextvars(organization=principal.organization_id)
        if scope not in principal.scopes:
            raise Forbidden(f"the key lacks the scope {scope}", scope=scope)
        return principal

    return Depends(caller)


INTERNAL = caller_with(_INTERNAL)  # in `dependencies=[…]` of what only our own services may ask
