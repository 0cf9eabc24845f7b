"""Takes messages back. A recall may be asked again without harm, until the platform says yes or no."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

import structlog

from services.douyin import store
from services.douyin.actions.asking import AskDeps, ask, usable_account
from services.douyin.domain.attempts import next_try
from services.douyin.domain.questions import RECALLS
from services.douyin.domain.refusals import PlatformBusy
from services.douyin.store import NewRecall, RecallDue, RecallEnd
from shared import inbox
from shared.contracts.envelope import Envelope, Origin
from shared.contracts.events.direct_messages import RecallRequested
from shared.contracts.events.douyin import RecallSettled
from shared.db import ALL_TENANTS
from shared.errors import AppError

log = structlog.get_logger()

_PATH: Final = "/im/recall/msg/"
_DIRECT: Final = 1
_LEASE: Final = timedelta(seconds=30)
_AT_ONCE: Final = 20


@dataclass(slots=True)
class Recaller:
    """Asks the platform for messages back. `wake` is called when there is something new."""

    deps: AskDeps
    wake: Callable[[], None] = lambda: None

    async def take(self, envelopes: Sequence[Envelope]) -> None:
        """Write down what is to be taken back, once."""
        asked = [(e, RecallRequested.model_validate(e.data)) for e in envelopes]
        async with self.deps.database.transaction(ALL_TENANTS) as tx:
            fresh = await inbox.take(tx, envelopes)
            new = [_new(e, request) for e, request in asked if e.id in fresh]
            if new:
                await store.add_recalls(tx, new)
        self.wake()

    async def run_due(self) -> None:
        """Ask for everything that is due."""
        async with self.deps.database.transaction(ALL_TENANTS) as tx:
            due = await store.claim_recalls(tx, _LEASE, _AT_ONCE)
        async with asyncio.TaskGroup() as group:
            for one in due:
                group.create_task(self._recall(one))

    async def next_due(self) -> float | None:
        """Seconds until something is due."""
        async with self.deps.database.transaction(ALL_TENANTS) as tx:
            return await store.seconds_to_recall(tx)

    async def _recall(self, due: RecallDue) -> None:
        try:
            account = await usable_account(self.deps, due.organization_id, due.account_id)
            body = {
                "msg_id": due.message_id,
                "conversation_id": due.conversation_id,
                "conversation_type": _DIRECT,
            }
            post = partial(self.deps.asking.post, _PATH)
            await ask(
                self.deps,
                account,
                RECALLS,
                lambda token: post(token, body, open_id=account.open_id),
            )
        except PlatformBusy as busy:
            await self._again(due, busy)
        except AppError as refusal:
            await self._end(due, _refused(refusal))
        else:
            await self._end(due, RecallEnd("recalled"))

    async def _again(self, due: RecallDue, busy: PlatformBusy) -> None:
        pause = next_try(due.tries)
        if pause is None:
            await self._end(due, _refused(busy))
            return
        async with self.deps.database.transaction(ALL_TENANTS) as tx:
            await store.put_off_recall(tx, due, pause, str(busy.facts.get("reason")))

    async def _end(self, due: RecallDue, end: RecallEnd) -> None:
        async with self.deps.database.transaction(ALL_TENANTS) as tx:
            if not await store.end_recall(tx, due, end):
                return
            event = RecallSettled(
                message_id=due.message_id,
                open_id=due.open_id,
                recalled=end.state == "recalled",
                reason=end.reason,
                code=end.code,
                log_id=end.log_id,
            )
            origin = Origin(due.organization_id, due.account_id, due.cause, due.trace)
            tx.publish(Envelope.of(event, origin, subject=due.open_id, seq=due.tries, at=tx.now))
        log.info("recall_settled", cause=due.cause, state=end.state, reason=end.reason)


def _new(envelope: Envelope, request: RecallRequested) -> NewRecall:
    return NewRecall(
        envelope.organization_id,
        envelope.account_id,
        request.message_id,
        request.conversation_id,
        request.open_id,
        envelope.cause,
        envelope.trace,
    )


def _refused(refusal: AppError) -> RecallEnd:
    platform = refusal.facts.get("platform") or {}
    reason = refusal.facts.get("reason") or refusal.code.rpartition(".")[2]
    return RecallEnd("refused", reason, platform.get("code"), platform.get("log_id"))
