"""Calls out: quota, in batches."""

import time
from collections.abc import Sequence

from pydantic import BaseModel

from shared.contracts.api.quota import (
    LimitState,
    PeekAnswers,
    PeekBatch,
    PeekRequest,
    ReserveAnswer,
    ReserveAnswers,
    ReserveBatch,
    ReserveRequest,
    SettleBatch,
    SettleRequest,
)
from shared.runtime import Resources

_TOKEN_SECONDS = 600  # of the 900 that a token lives


class Quota:
    """Asks the quota service. Raises NeighbourAway without an answer, NeighbourRefuses if it is refused."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._token, self._until = "", 0.0

    async def reserve(self, requests: Sequence[ReserveRequest]) -> list[ReserveAnswer | None]:
        """One answer a request, in their order; asked again, it answers the same.

        None: quota has not heard of the account yet.
        """
        if not requests:
            return []
        raw = await self._ask("reserve", ReserveBatch(requests=list(requests)))
        return ReserveAnswers.model_validate_json(raw).answers

    async def peek(self, request: PeekRequest) -> list[LimitState]:
        """How the limits stand, as far as quota knows the account; nothing is held."""
        raw = await self._ask("peek", PeekBatch(requests=[request]))
        answer = PeekAnswers.model_validate_json(raw).answers[0]
        return answer.limits if answer else []

    async def release(self, organization_id: str, account_id: str, reservation_id: str) -> None:
        """Give back a hold whose send is certainly not asked for."""
        hold = SettleRequest(
            organization_id=organization_id,
            account_id=account_id,
            reservation_id=reservation_id,
            items=None,
        )
        await self._ask("release", SettleBatch(requests=[hold]))

    async def _ask(self, verb: str, batch: BaseModel) -> bytes:
        # looked up at each call: in one process the API of quota may be built after us
        client = self._resources.client("quota")
        body = batch.model_dump_json().encode()
        return await client.post(f"/internal/quota/{verb}", body, token=self._internal_token())

    def _internal_token(self) -> str:
        if time.monotonic() > self._until:
            self._token = self._resources.tokens.issue_internal("direct_messages")
            self._until = time.monotonic() + _TOKEN_SECONDS
        return self._token
