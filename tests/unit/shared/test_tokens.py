"""A token is ours, for us, in time and of the right kind, or it is no token."""

import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.errors import NeighbourAway, Unauthenticated
from shared.http.principal import Authenticator, Principal, Tokens
from shared.sealing import Sealer

TOKENS = Tokens(Sealer(b"m" * 32))
KEY = TOKENS._key
PUBLIC = KEY.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)
CALLER = Principal("org_1", "key_1", frozenset({"dm:read", "dm:send"}))
HEADER = {"typ": "at+jwt"}


def claims(**changed: Any) -> dict[str, Any]:
    now = int(time.time())
    good = {"iss": "open_platform", "aud": "siyu", "iat": now, "exp": now + 60, "jti": "tok_1"}
    good |= {"client_id": "key_1", "org": "org_1", "scope": "dm:read"}
    return {k: v for k, v in (good | changed).items() if v is not None}


def hs256_with_the_public_key() -> str:
    """PyJWT refuses to sign so; an attacker does not."""
    import base64
    import hashlib
    import hmac
    import json

    def part(raw: bytes) -> str:
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    header = part(json.dumps({"alg": "HS256", "typ": "at+jwt"}).encode())
    signed = f"{header}.{part(json.dumps(claims()).encode())}"
    return f"{signed}.{part(hmac.new(PUBLIC, signed.encode(), hashlib.sha256).digest())}"


BAD: dict[str, str] = {
    "expired": TOKENS.issue(CALLER, seconds=-1),
    "another audience": jwt.encode(claims(aud="other"), KEY, "EdDSA", HEADER),
    "no audience": jwt.encode(claims(aud=None), KEY, "EdDSA", HEADER),
    "another issuer": jwt.encode(claims(iss="other"), KEY, "EdDSA", HEADER),
    "no issuer": jwt.encode(claims(iss=None), KEY, "EdDSA", HEADER),
    "not valid yet": jwt.encode(claims(nbf=int(time.time()) + 600), KEY, "EdDSA", HEADER),
    "an id token": jwt.encode(claims(), KEY, "EdDSA", {"typ": "JWT"}),
    "no tenant": jwt.encode(claims(org=None), KEY, "EdDSA", HEADER),
    "no end": jwt.encode(claims(exp=None), KEY, "EdDSA", HEADER),
    "no signature": jwt.encode(claims(), "", "none", HEADER),
    "a symmetric signature": hs256_with_the_public_key(),
    "another key": jwt.encode(claims(), Ed25519PrivateKey.generate(), "EdDSA", HEADER),
    "another master key": Tokens(Sealer(b"x" * 32)).issue(CALLER),
    "a changed signature": TOKENS.issue(CALLER)[:-6] + "AAAAAA",
    "not a token": "abc.def.ghi",
    "one word": "token",
}


def test_a_token_names_its_caller() -> None:
    assert TOKENS.verify(TOKENS.issue(CALLER)) == CALLER
    assert TOKENS.verify(jwt.encode(claims(), KEY, "EdDSA", HEADER)).organization_id == "org_1"


@pytest.mark.parametrize("kind", BAD)
def test_anything_else_is_unauthenticated(kind: str) -> None:
    with pytest.raises(Unauthenticated):
        TOKENS.verify(BAD[kind])


class Exchange:
    """Knows one API key; counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.is_away = False

    async def __call__(self, api_key: str) -> str | None:
        self.asked += 1
        if self.is_away:
            raise NeighbourAway("open_platform gives no answer")
        return TOKENS.issue(CALLER) if api_key == "dyk_good" else None


async def test_an_api_key_is_asked_for_once_a_minute() -> None:
    exchange = Exchange()
    authenticator = Authenticator(TOKENS, exchange)
    for _ in range(3):
        assert await authenticator.authenticate("Bearer dyk_good") == CALLER
    assert exchange.asked == 1


async def test_nobody_is_refused_for_ever_because_open_platform_was_away() -> None:
    exchange = Exchange()
    authenticator = Authenticator(TOKENS, exchange)
    exchange.is_away = True
    with pytest.raises(NeighbourAway):
        await authenticator.authenticate("Bearer dyk_good")
    exchange.is_away = False
    assert await authenticator.authenticate("bearer dyk_good") == CALLER


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic dyk_good", "dyk_good", "Bearer dyk_bad"]
)
async def test_a_header_without_a_known_credential_is_unauthenticated(header: str) -> None:
    with pytest.raises(Unauthenticated):
        await Authenticator(TOKENS, Exchange()).authenticate(header)
