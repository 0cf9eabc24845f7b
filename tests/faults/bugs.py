"""Mistakes that somebody could make, by name: what each changes in the product, and what brings it to light.

Nothing of the product is imported here: whoever plants a mistake must be quicker than every import.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


class NotPlantable(Exception):
    """The text that a mistake changes is not there once: the product was changed, and the mistake must be too."""


@dataclass(frozen=True, slots=True)
class Edit:
    """In `module`, `was` becomes `becomes`."""

    module: str
    was: str
    becomes: str

    def apply(self, text: str) -> str:
        """The text with the mistake in it. Raises NotPlantable."""
        if text.count(self.was) != 1:
            raise NotPlantable(f"{self.module} has {text.count(self.was)} times: {self.was}")
        return text.replace(self.was, self.becomes)


@dataclass(frozen=True, slots=True)
class Bug:
    """A mistake, the faults that bring it to light, and the promise that it breaks."""

    name: str
    edits: Sequence[Edit]
    breaks: str
    faults: Sequence[str] = ()
    kill: float = 0.0  # seconds between two kills; 0: none
    valkey: float = 0.0  # between two losses of Valkey
    postgres: float = 0.0  # between two ends of PostgreSQL
    events: int = 300  # that are acknowledged at least before it is judged


_RELAY = "shared.outbox"
BUGS = {
    bug.name: bug
    for bug in (
        Bug(
            "quota check without its condition",
            [
                Edit(
                    "services.quota.domain.limits",
                    'cap = int(policy["dm.reply.limit"]) if applies else None',
                    "cap = None",
                )
            ],
            "I3",
            events=900,
        ),
        Bug(
            "inbox mark before the effect",
            [
                Edit(
                    "services.direct_messages.actions.writing",
                    "        if len(await inbox.take(tx, envelopes)) != len({e.id for e in envelopes}):\n"
                    '            raise Lost("heard")\n',
                    "        marked = await inbox.take(tx, envelopes)\n"
                    "    if len(marked) != len({e.id for e in envelopes}):\n"
                    '        raise Lost("heard")\n'
                    "    async with deps.database.transaction(ALL_TENANTS) as tx:\n",
                )
            ],
            "I1",
            ["F27", "F12"],
            kill=1.5,
            postgres=6,
            events=1200,
        ),
        Bug(
            "relay by highest id",
            [
                Edit(_RELAY, "self._kicked = asyncio", "self._high = {}; self._kicked = asyncio"),
                Edit(
                    _RELAY,
                    "            await self._streams.send(batch)\n",
                    "            await self._streams.send(batch)\n"
                    "            for d in batch:\n"
                    '                self._high[d.hearer, d.lane] = max(self._high.get((d.hearer, d.lane), ""), d.id)\n',
                ),
                Edit(
                    _RELAY,
                    'hearer = :hearer AND lane = :lane"\n    " AND send_after',
                    'hearer = :hearer AND lane = :lane"\n    " AND id > :high AND send_after',
                ),
                Edit(
                    _RELAY,
                    '"kicked": kicked,\n                        "most"',
                    '"kicked": kicked,\n                        "high": self._high.get((hearer, lane), ""),\n                        "most"',
                ),
                Edit(
                    _RELAY,
                    "                sent += len(rows)\n",
                    '                sent += len(rows)\n                self._high[hearer, lane] = max([r.id for r in rows], default=self._high.get((hearer, lane), ""))\n',
                ),
            ],
            "I12",
            ["F6"],
            valkey=2,
            events=1200,
        ),
        Bug(
            "retry after an ambiguous send",
            [
                Edit(
                    "services.douyin.actions.dispatch",
                    "return store.Settlement(claimed, State.UNKNOWN, lost.reason)",
                    'return again(claimed, "no_answer", 0.0)',
                )
            ],
            "I2",
            ["F19"],
        ),
        Bug(
            "acknowledgement before commit",
            [
                Edit(
                    "shared.queue.lanes",
                    "                await self._handle(kind, list(once.values()))\n",
                    "                await self._finish(group)\n"
                    "                await self._handle(kind, list(once.values()))\n",
                )
            ],
            "I1",
            ["F12"],
            kill=2,
            postgres=6,
            events=1000,
        ),
        Bug(
            "answered before it is stored",
            [
                Edit(
                    "services.douyin.api.door",
                    "await self._desk.accept(",
                    "self._loose = asyncio.ensure_future(self._desk.accept(",
                ),
                Edit(
                    "services.douyin.api.door",
                    "app, read(parsed), body, name)",
                    "app, read(parsed), body, name))",
                ),
            ],
            "I1",
            ["F12"],
        ),
        Bug(
            "lost lease tried again",
            [
                Edit(
                    "services.douyin.store.claims",
                    "UPDATE attempt a SET state = 'unknown', lease_until = NULL, reason = 'lease_expired',",
                    "UPDATE attempt a SET state = 'queued', lease_until = NULL, reason = 'lease_expired',",
                )
            ],
            "I2",
            ["F2", "F27"],
            kill=2,
            events=1000,
        ),
        Bug(
            "idempotency key forgotten",
            [
                Edit(
                    "shared.http.idempotency",
                    "        if row is None:\n            return\n",
                    "        return\n",
                ),
                Edit(
                    "services.direct_messages.actions.replying",
                    "key.fingerprint.hex(), context.opened_by)",
                    "key.fingerprint.hex(), __import__('uuid').uuid4().hex)",
                ),
            ],
            "I11",
            events=900,
        ),
        Bug(
            "answered by whatever account is known",
            [
                Edit(
                    "services.douyin.actions.directory",
                    "await self._refresh(_MISS_SECONDS)\n"
                    "        return self._by_id.get((organization_id, account_id))",
                    "await self._refresh(_MISS_SECONDS)\n"
                    "        return next(iter(self._by_id.values()), None)",
                )
            ],
            "I1",  # the platform refuses what is sent to another shop's fans, and was not ordered to
        ),
        Bug(
            "hold released by time alone",
            [
                Edit(
                    "services.quota.actions.reserving",
                    "_LEASE = timedelta(minutes=2)",
                    "_LEASE = timedelta(milliseconds=1)",
                ),
                Edit(
                    "services.quota.actions.reporting",
                    "            tx.publish(Envelope.of(event, origin, subject=hold.id, seq=0, at=tx.now))\n",
                    "            tx.publish(Envelope.of(event, origin, subject=hold.id, seq=0, at=tx.now))\n"
                    "            place = (hold.organization_id, hold.account_id, hold.id)\n"
                    '            await settle_in(tx, [Settlement(*place, None, Entry.RELEASED, "late")])\n',
                ),
            ],
            "I4",
            ["F19"],
            events=900,
        ),
    )
}


# No mistake of anybody's: how F24 makes messages that no process can handle. Over one that hangs a lane
# loses patience after three seconds there, and after its usual minute over everything else.
DIES_OF_ONE = Bug(
    "a handler of deadly messages",
    [
        Edit(
            "services.direct_messages.consumers",
            "    await actions.answer(deps, [message_of(deps, e) for e in envelopes])\n",
            "    from tests.faults.deadly import meet\n"
            "    await meet(e.id for e in envelopes)\n"
            "    await actions.answer(deps, [message_of(deps, e) for e in envelopes])\n",
        ),
        Edit(
            "shared.queue.lanes",
            "asyncio.timeout(self._patience.handler_seconds)",
            "asyncio.timeout(3 if any(e.id == 'evt_poison_hangs' for e in envelopes)"
            " else self._patience.handler_seconds)",
        ),
    ],
    "",
)


def text_of(module: str) -> str:
    """The text of a module of ours, which is not imported for it."""
    path = Path(__file__).resolve().parents[2] / Path(*module.split("."))
    package = path / "__init__.py"
    return (package if package.exists() else path.with_suffix(".py")).read_text("utf-8")
