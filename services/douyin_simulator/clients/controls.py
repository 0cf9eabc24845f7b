"""The controls of a simulator that runs somewhere else, asked over HTTP."""

from typing import Any

import orjson

from shared.http.client import JsonClient

Body = dict[str, Any]  # Any: what the control takes
_OK = (200, 201)
_MOST_BYTES = 256 * 1024 * 1024  # a page of all that a long scenario has sent


class ControlRefusedError(Exception):
    """A control said no; the message is its reason."""


class Controls:
    """One simulator. Raises NeighbourAway when it gives no answer."""

    def __init__(self, base_url: str) -> None:
        """Ask the simulator at this address."""
        self._http = JsonClient(base_url, most_bytes=_MOST_BYTES)

    async def get(self, what: str) -> Body:
        """Look at something."""
        return await self._ask("GET", what, None)

    async def post(self, what: str, body: Body) -> Body:
        """Do something."""
        return await self._ask("POST", what, body)

    async def delete(self, what: str) -> Body:
        """Take something back."""
        return await self._ask("DELETE", what, None)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    async def _ask(self, method: str, what: str, body: Body | None) -> Body:
        raw = None if body is None else orjson.dumps(body)
        heading = {} if raw is None else {"Content-Type": "application/json"}
        status, said = await self._http.ask(method, f"/_simulator/{what}", heading, raw)
        try:
            answer: Body = orjson.loads(said)
        except orjson.JSONDecodeError as error:
            raise ControlRefusedError(f"{what} did not answer with JSON") from error
        if status not in _OK:
            raise ControlRefusedError(f"{what}: {answer.get('detail', status)}")
        return answer
