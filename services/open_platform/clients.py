"""Calls to receivers of webhooks: machines of others, at URLs that others chose."""

from collections.abc import Mapping

from services.open_platform.domain.deliveries import Told, answered
from shared.http.client import AddressRefused, MaybeSent, NotSent, OneTry

_SECONDS = 15.0
MOST_BYTES = 16 * 1024  # of an answer: nobody reads it, and it shall not cost
CONNECT_SECONDS = 5.0
_HEADERS = {
    "Content-Type": "application/json",
    "Accept-Encoding": "identity",
    "User-Agent": "Siyu-Webhooks/1",
}


class Receivers:
    """Posts to receivers; what they answer is counted and thrown away."""

    def __init__(self, http: OneTry) -> None:
        self._http = http

    async def tell(self, url: str, body: bytes, headers: Mapping[str, str]) -> Told:
        """One POST, and what came of it."""
        try:
            answer = await self._http.post(url, body, {**_HEADERS, **headers}, seconds=_SECONDS)
        except AddressRefused:
            return Told(None, "address_refused")
        except NotSent:
            return Told(None, "unreachable")
        except MaybeSent as lost:
            return Told(None, lost.reason)
        return answered(answer.status, answer.retry_after)
