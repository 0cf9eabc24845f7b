"""direct_messages and quota as tasks: decide, reserve, ask for a send; commit and release holds."""

from dataclasses import replace

from services.direct_messages.domain.messages import State as MessageState
from services.quota.domain import Entry, Reason, Refusal, Request
from tests.simulation import ledger
from tests.simulation.lanes import ACCOUNT, ORGANIZATION, Message, Settled, Task, Tasks, Wanted
from tests.simulation.world import Away, Envelope, Process, Tx

POLICY = {
    "dm.reply.applies_to": "everyone",
    "dm.reply.limit": 6,
    "dm.reply.window_hours": 24,
    "dm.human_reserved": 2,
}
_ENTRIES = {"sent": Entry.COMMITTED, "failed": Entry.RELEASED, "unknown": None}
_CLOSES = {"cap_reached": Reason.CLOSED_BY_PLATFORM, "window_expired": Reason.WINDOW_EXPIRED}


class Messaging(Tasks):
    """Everything between what a fan wrote and the request to send."""

    # ---------------------------------------------------------------------- direct_messages

    def answer(self, _: Process, batch: list[Envelope]) -> Task:
        """Read, decide, ask quota, write; again when somebody else was quicker."""
        w = self.w
        for _try in range(4):
            new = [e for e in batch if e.id not in w.inbox["dm"]]
            if not new:
                return
            messages = sorted((e.data for e in new), key=lambda m: (m.at, m.id))
            versions = {m.fan: w.dm.versions[m.fan] for m in messages}
            yield
            wanted = [Wanted(f"op_{m.id}", m, m.answers) for m in messages if m.answers]
            held = self._reserve(wanted)
            yield
            if "inbox mark before the effect" in w.bugs:
                w.inbox["dm"] |= {e.id for e in new}
                yield
            elif any(e.id in w.inbox["dm"] for e in new):
                continue
            if any(w.dm.versions[fan] != seen for fan, seen in versions.items()):
                continue
            marks = [] if "inbox mark after the effect" in w.bugs else new
            if not self._write(messages, wanted, held, marks):
                continue
            yield
            w.inbox["dm"] |= {e.id for e in new}
            return
        raise Away

    def _reserve(self, wanted: list[Wanted]) -> list[str | Refusal]:
        w, tx = self.w, Tx(self.w)
        rules = POLICY
        if "quota check without its condition" in w.bugs:
            rules = {**POLICY, "dm.reply.limit": 8}
        held = [
            ledger.reserve(
                tx.ledger, x.operation, _request(x), rules, w.now, f"rsv_{w.number():06}"
            )
            for x in wanted
        ]
        w.commit(tx)
        return held

    def _write(
        self,
        messages: list[Message],
        wanted: list[Wanted],
        held: list[str | Refusal],
        marks: list[Envelope],
    ) -> bool:
        """The effects of messages in one transaction; False if somebody else disposed of an operation."""
        w = self.w
        granted = [(x, r) for x, r in zip(wanted, held, strict=True) if isinstance(r, str)]
        if not all(self._may_ask(x.operation, r) for x, r in granted):
            return False
        tx = Tx(w)
        tx.marks += [("dm", e.id) for e in marks]
        for message in messages:
            w.dm.versions[message.fan] += 1
            w.dm.handled[message.id] += 1
            if w.dm.handled[message.id] > 1:
                raise w.broken("I1", f"{message.id} was handled twice")
            newest = w.dm.newest.get(message.fan)
            if newest is None or message.at >= newest.at:
                w.dm.newest[message.fan] = message
        for x, reservation in granted:
            self._ask(tx, x, reservation)
        w.commit(tx)
        return True

    def _may_ask(self, operation: str, reservation: str) -> bool:
        known = self.w.dm.operations.get(operation)
        return known is None or (known[0] == "not_requested" and known[1] < reservation)

    def _ask(self, tx: Tx, x: Wanted, reservation: str) -> None:
        w = self.w
        w.dm.operations[x.operation] = ("requested", reservation)
        for item in range(len(x.texts)):
            w.dm.items[x.operation, item] = MessageState.QUEUED
        w.say(f"{x.operation} asks for {len(x.texts)} under {reservation}")
        if "reply in another window than its hold" not in w.bugs:
            x = replace(x, message=self._held_in(x.message, reservation))
        tx.publish(Envelope(f"evt_{x.operation}", "requested", (x, reservation)))

    def _held_in(self, message: Message, reservation: str) -> Message:
        """The message that the hold counts for."""
        line = self.w.ledger.lines[reservation][0]
        bucket = self.w.ledger.buckets[line.key]
        at = bucket.window_start if bucket.window_id == line.window_id else message.at
        return message._replace(id=line.window_id, at=at)

    def reply(self, _: Process, wanted: Wanted) -> Task:
        """A person writes, or sends again what is in doubt."""
        w = self.w
        yield
        try:
            (held,) = self._reserve([wanted])
        except Away:
            return
        yield
        again_already = wanted.supersedes in w.dm.superseded
        if isinstance(held, Refusal) or not self._may_ask(wanted.operation, held) or again_already:
            return  # the hold, if there is one, is overdue one day and asked about
        if wanted.supersedes:
            w.dm.superseded.add(wanted.supersedes)
        tx = Tx(w)
        self._ask(tx, wanted, held)
        yield from self._committed(tx)

    def _dm_settled(self, _: Tx, fresh: list[Envelope]) -> None:
        for e in fresh:
            self.w.settle_message((e.data.operation, e.data.item), MessageState(e.data.outcome))

    def _dm_overdue(self, tx: Tx, fresh: list[Envelope]) -> None:
        for e in fresh:
            operation, reservation = e.data
            if self._may_ask(operation, reservation):
                self.w.dm.operations[operation] = ("not_requested", reservation)
            elif self.w.dm.operations[operation][1] == reservation:
                continue
            self.w.say(f"{operation} was never asked for under {reservation}")
            tx.publish(Envelope(f"evt_not_{reservation}", "not_requested", reservation))

    # -------------------------------------------------------------------------------- quota

    def _quota_settled(self, tx: Tx, fresh: list[Envelope]) -> None:
        for e in fresh:
            s: Settled = e.data
            closes = _CLOSES[s.closes] if s.closes else None
            entry = _ENTRIES[s.outcome]
            ledger.settle(tx.ledger, s.reservation, frozenset({s.item}), entry, closes)

    def _quota_released(self, tx: Tx, fresh: list[Envelope]) -> None:
        for e in fresh:
            ledger.settle(tx.ledger, e.data, None, Entry.RELEASED)

    def quota_ticks(self, _: Process) -> Task:
        """Ask about overdue holds, release lapsed ones."""
        w = self.w
        tx = Tx(w)
        for r in ledger.overdue(tx.ledger, w.now):
            if "hold released by time alone" in w.bugs:
                ledger.settle(tx.ledger, r.id, None, Entry.RELEASED)
            tx.publish(Envelope(f"evt_over_{w.number()}", "overdue", (r.operation, r.id)))
        yield from self._committed(tx)
        tx = Tx(w)
        for reservation in ledger.lapsed(tx.ledger, w.now):
            w.say(f"{reservation} lapses")
            ledger.settle(tx.ledger, reservation, None, Entry.RELEASED)
        yield from self._committed(tx)


def _request(x: Wanted) -> Request:
    return Request(
        ORGANIZATION,
        ACCOUNT,
        "dm.reply",
        x.message.fan,
        len(x.texts),
        "bot" if x.actor == "bot" else "person",
        x.message.id,
        x.message.at,
        None,
        follows=False,
    )
