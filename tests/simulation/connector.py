"""The connector as tasks: the door, claims, tries, settlements, echoes, sweeps."""

from dataclasses import replace
from datetime import datetime, timedelta

from services.douyin.actions.claiming import LEASE
from services.douyin.actions.outcomes import again, concluded, untried
from services.douyin.clients import SEND_SECONDS
from services.douyin.domain.answers import Action, Verdict, classify
from services.douyin.domain.attempts import SETTLED, State
from services.douyin.store import Claimed, Echo, NewAttempt, Settlement
from tests.simulation import attempts
from tests.simulation.attempts import Attempt
from tests.simulation.echoes import bind, bind_sent, only_repeated
from tests.simulation.lanes import ACCOUNT, ORGANIZATION, Settled, Task, Tasks, Wanted
from tests.simulation.platform import NO_ANSWER, UNREACHABLE
from tests.simulation.world import Away, Envelope, Process, Tx

_DAY = timedelta(hours=24)
_ROOM = 8


class Connector(Tasks):
    """Everything between the platform and the house."""

    # ------------------------------------------------------------------------------- douyin

    def take_requests(self, process: Process, batch: list[Envelope]) -> Task:
        """Write the intents down, claim what may go."""
        w, at = self.w, self.w.now
        tx = Tx(w)
        new = [a for e in self._fresh(tx, "douyin", batch) for a in _attempts(*e.data)]
        conversations = {a.conversation_id for a in new}
        occupied = attempts.busy(tx.table, conversations)
        first: dict[str, NewAttempt] = {}
        for a in new:
            if a.conversation_id not in occupied:
                first.setdefault(a.conversation_id, a)
        number = w.number()
        claimed = attempts.insert(tx.table, new, list(first.values()), w.now, number)
        if occupied:
            attempts.free_content(tx.table, [a for a in new if a.item == 0])
            claimed += attempts.claim_next(tx.table, sorted(occupied), w.now, number, _ROOM)
        self._commit_claim(process, tx, number)
        yield
        self._offer(process, claimed, at)

    def _commit_claim(self, process: Process, tx: Tx, number: int) -> None:
        try:
            self.w.commit(tx)
        except Away:
            if "claim of a lost commit forgotten" not in self.w.bugs:
                process.lost.append(number)
            raise

    def find_lost(self, process: Process) -> Task:
        """Send what was claimed in commits of which no word came."""
        yield from ()
        for number in process.lost[:]:
            tx, at = Tx(self.w), self.w.now
            found = attempts.find_claimed(tx.table, at, number)
            try:
                self.w.commit(tx)
            except Away:
                return
            process.lost.remove(number)
            self._offer(process, found, at)

    def _offer(self, process: Process, claimed: list[Claimed], at: datetime) -> None:
        for one in claimed:
            self.w.taken_up.add((one.claim, one.operation_id, one.item))
            self.spawn(process, self.send(process, one, at))

    def send(self, process: Process, claimed: Claimed, at: datetime) -> Task:
        """One try: the deadline is looked at just before the first byte."""
        w = self.w
        yield
        left = (at + LEASE - w.now).total_seconds() - 1.0
        if claimed.expires_at <= w.now:
            settlement = Settlement(claimed, State.FAILED, "window_expired")
        elif left < SEND_SECONDS and "deadline not looked at" not in w.bugs:
            settlement = untried(claimed, 0.0, claimed.reason)
        elif w.random.random() < w.faults.not_its_turn:
            settlement = untried(claimed, w.random.choice((0.0, 0.1, 1.0)), claimed.reason)
        else:
            accepted, learnt = w.platform.receive(claimed)
            if accepted:
                w.accepted(accepted)
                self._echo(accepted.echo_id, claimed)
            yield
            settlement = self._judged(claimed, learnt)
        process.results.append(settlement)

    def _judged(self, claimed: Claimed, learnt: str | bytes) -> Settlement:
        if learnt == UNREACHABLE:
            return again(claimed, UNREACHABLE, 0.0)
        if isinstance(learnt, str):
            if "retry after an ambiguous send" in self.w.bugs:
                return again(claimed, NO_ANSWER, 0.0)
            return Settlement(claimed, State.UNKNOWN, NO_ANSWER)
        verdict: Verdict = classify(200, learnt)
        if verdict.action is Action.REFRESH_TOKEN:
            return untried(claimed, 1.0, "token_refused")
        return concluded(claimed, verdict)

    def _echo(self, echo_id: str, claimed: Claimed) -> None:
        w, random = self.w, self.w.random
        if random.random() < w.faults.echo_lost:
            return
        for _ in range(1 + (random.random() < w.faults.echo_doubled)):
            late = random.choice((0.0, 0.0, 1.0, 20.0, 200.0))
            data = (echo_id, claimed.conversation_id, claimed.content, w.now)
            # the platform numbers its events: a double has the number of the first
            hook = Envelope(f"evt_{echo_id}_{w.number()}", "echo", data)
            w.webhooks.append((w.now + timedelta(seconds=late), hook))

    def settling(self, process: Process) -> Task:
        """Write down how tries ended, until there is nothing left to write."""
        while process.results:
            yield
            batch = process.results[: self.w.random.randint(1, 4)]
            while True:
                at = self.w.now
                try:
                    claimed = self._settle(process, batch)
                except Away:
                    yield
                    continue
                break
            del process.results[: len(batch)]
            self._offer(process, claimed, at)
        process.settles = False

    def _settle(self, process: Process, batch: list[Settlement]) -> list[Claimed]:
        w, tx = self.w, Tx(self.w)
        number = w.number()
        moved = attempts.settle(tx.table, batch, w.now)
        if "rest goes on after a doubt" not in w.bugs:
            moved += attempts.drop_rest(tx.table, moved)
        self._tell(tx, moved)
        here = [s.claimed.conversation_id for s in batch]
        claimed = attempts.claim_next(tx.table, here, w.now, number, _ROOM)
        self._commit_claim(process, tx, number)
        return claimed

    def _tell(self, tx: Tx, moved: list[Attempt]) -> None:
        for a in moved:
            if a.state is State.QUEUED:
                continue
            outcome = "unknown" if a.state is State.PRESUMED_NOT_SENT else a.state.value
            told = Settled(
                a.new.operation_id, a.new.reservation_id, a.new.item, outcome, a.closes_window
            )
            tx.publish(Envelope(f"evt_set_{self.w.number()}", "settled", told))

    def sweep(self, process: Process) -> Task:
        """What time does, and what nobody claimed yet."""
        w, tx = self.w, Tx(self.w)
        self._tell(tx, attempts.expire_queued(tx.table, w.now))
        attempts.free_old_content(tx.table, w.now, _DAY)
        yield from self._committed(tx)
        tx = Tx(w)
        lost = attempts.lose_leases(tx.table, w.now)
        for a in lost:
            w.check_tried(a)
        if "lost lease tried again" in w.bugs:
            for a in lost:
                tx.table.put(replace(a, state=State.QUEUED))
            lost = []
        lost += attempts.drop_rest(tx.table, lost)
        self._tell(tx, lost)
        yield from self._committed(tx)
        tx, at, number = Tx(w), w.now, w.number()
        waiting = [
            a.new.conversation_id
            for a in tx.table.rows.values()
            if a.state is State.QUEUED and a.next_try_at <= w.now
        ]
        claimed = attempts.claim_next(tx.table, waiting, w.now, number, _ROOM)
        try:
            self._commit_claim(process, tx, number)
        except Away:
            return
        yield
        self._offer(process, claimed, at)

    def bind_echoes(self, process: Process, batch: list[Envelope]) -> Task:
        """Bind each echo to one attempt: by id, by a sent text, by a text in doubt."""
        w, at, tx = self.w, self.w.now, Tx(self.w)
        heard = list({e.data[0]: _echo(e) for e in self._fresh(tx, "douyin", batch)}.values())
        if "echo bound twice" in w.bugs:
            bind_sent(tx.table, heard)
        moved, _ = bind(tx.table, heard)
        self._tell(tx, moved)
        here = {m.new.conversation_id for m in moved}
        number = w.number()
        claimed = attempts.claim_next(tx.table, sorted(here), w.now, number, _ROOM)
        self._commit_claim(process, tx, number)
        yield
        self._offer(process, claimed, at)

    def _douyin_overdue(self, tx: Tx, fresh: list[Envelope]) -> None:
        for e in fresh:
            found = [a for a in tx.table.rows.values() if a.new.operation_id == e.data[0]]
            if all(a.state in SETTLED for a in found):
                self._tell(tx, found)

    # ----------------------------------------------------------------------------- the door

    def door(self, _: Process, hook: Envelope) -> Task:
        """A webhook: a row, and only then the answer 200. Without an answer it comes again."""
        w, id_ = self.w, hook.data.id if hook.kind == "message" else hook.id
        w.webhooks.append((w.now + timedelta(seconds=5), hook))
        if "answered before it is stored" in w.bugs:
            self._answer_200(hook, id_)
            yield
        yield
        if id_ not in w.inbound:
            w.inbound.add(id_)
            tx = Tx(w)
            if hook.kind == "echo":
                tx.table.shown.add(hook.data[0])
            if hook.kind != "echo" or not self._is_repeated(tx, hook.data[0]):
                tx.publish(hook)
            try:
                w.commit(tx)
            except Away:
                return
        yield
        self._answer_200(hook, id_)

    def _is_repeated(self, tx: Tx, echo_id: str) -> bool:
        if "echo of an answer never looked at" in self.w.bugs:
            return any(a.msg_id == echo_id for a in tx.table.rows.values())
        return only_repeated(tx.table, echo_id)

    def _answer_200(self, hook: Envelope, id_: str) -> None:
        w = self.w
        w.webhooks = [x for x in w.webhooks if x[1].id != hook.id]
        w.acknowledged.add(id_)


def _attempts(x: Wanted, reservation: str) -> list[NewAttempt]:
    return [
        NewAttempt(
            organization_id=ORGANIZATION,
            account_id=ACCOUNT,
            operation_id=x.operation,
            item=item,
            reservation_id=reservation,
            conversation_id=f"conv_{x.message.fan}",
            open_id=x.message.fan,
            scene="im_reply_msg",
            reply_to=x.message.id,
            kind="text",
            content=text,
            content_hash=text,
            window_opened_at=x.message.at,
            expires_at=x.message.at + _DAY,
            cause=x.message.id,
            trace="",
            supersedes=x.supersedes,
        )
        for item, text in enumerate(x.texts)
    ]


def _echo(envelope: Envelope) -> Echo:
    message_id, conversation, text, at = envelope.data
    return Echo(ORGANIZATION, ACCOUNT, message_id, conversation, text, at, at)
