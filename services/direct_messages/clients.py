"""Calls out: quota, in batches."""

import time
from collections.abc import Sequence

from shared.contracts.api.quota import ReserveAnswer, ReserveAnswers, ReserveBatch, ReserveRequest
from shared.runtime import Resources

_TOKEN_SECONDS = 600  # of the 900 that a token lives


class Quota:
    """Asks the quota service. Raises NeighbourAway when there is no answer."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._token, self._until = "", 0.0

    async def reserve(self, requests: Sequence[ReserveRequest]) -> list[ReserveAnswer]:
        """One answer a request, in their order; asked again, it answers the same."""
        if not requests:
            return []
        body = ReserveBatch(requests=list(requests)).model_dump_json().encode()
        # looked up at each call: in one process the API of quota may be built after us
        client = self._resources.client("quota")
        raw = await client.post("/internal/quota/reserve", body, token=self._internal_token())
        return ReserveAnswers.model_validate_json(raw).answers

    def _internal_token(self) -> str:
        if time.monotonic() > self._until:
            self._token = self._resources.tokens.issue_internal("direct_messages")
            self._until = time.monotonic() + _TOKEN_SECONDS
        return self._token
