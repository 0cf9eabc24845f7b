"""The open platform alone, with two organizations that must not see each other."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import httpx2
import orjson
import pytest

from services.open_platform.actions import accounts
from services.open_platform.actions.deps import Deps
from services.open_platform.service import deps_of
from tests.support.world import World


@dataclass
class PlatformWorld:
    """Short words for what these tests do."""

    world: World
    deps: Deps
    organization: str
    stranger: str

    async def ask(
        self, verb: str, path: str, body: Any = None, *, by: str | None = None, **headers: str
    ) -> httpx2.Response:
        """One request of the organization, or of `by`."""
        sent = self.world.caller(by or self.organization)
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.world.http.request(verb, path, json=body, headers=sent)

    async def ok(self, verb: str, path: str, body: Any = None, **headers: str) -> dict[str, Any]:
        """The body of an answer that must be a success."""
        answer = await self.ask(verb, path, body, **headers)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def an_account(self, **fields: Any) -> str:
        """A new account of the organization; its id."""
        made = await self.ok("POST", "/v1/accounts", {"name": "青禾女装旗舰店", **fields})
        return str(made["id"])

    async def a_key(self, **fields: Any) -> dict[str, Any]:
        """A new key of the organization, with its text."""
        return await self.ok(
            "POST", "/v1/api-keys", {"name": "后台", "scopes": ["dm:read"], **fields}
        )

    async def token_of(self, key: str) -> str | None:
        """What the key is exchanged for."""
        body = {"api_key": key}
        headers = self.world.internal()
        answer = await self.world.http.post("/internal/tokens", json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        token: str | None = answer.json()["token"]
        return token

    async def published(self) -> list[dict[str, Any]]:
        """Policies told so far, oldest first; each counts once, however many hear it."""
        rows = await self.world.sql(
            "SELECT DISTINCT created_at, id, envelope FROM open_platform.outbox ORDER BY created_at, id"
        )
        return [orjson.loads(bytes(row["envelope"])) for row in rows]


@pytest.fixture
async def platform(worlds: Callable[..., Any]) -> AsyncIterator[PlatformWorld]:
    """The open platform with two organizations."""
    async with worlds("open_platform") as world:
        deps = deps_of(world.resources)
        mine = await accounts.create_organization(deps, "青禾服饰有限公司")
        other = await accounts.create_organization(deps, "别家公司")
        yield PlatformWorld(world, deps, mine.id, other.id)
