"""Write first, then change the state: whatever was answered is in the journal."""

import asyncio

import orjson

from services.douyin_simulator.domain.events import GROUP_SENT, SENT
from services.douyin_simulator.domain.identifiers import header_id
from services.douyin_simulator.domain.sends import GROUP_SCENE
from services.douyin_simulator.store.journal import BrokenDataDirectoryError, Journal
from services.douyin_simulator.store.state import PendingEvent, Record, SentMessage, State

_SENT_PREFIX = b'{"t":"sent","d":'
_SETTLED_AFTER_S = 0.05


class Store:
    """The journal and the state that follows from it."""

    def __init__(self, journal: Journal) -> None:
        """Rebuild the state from what the journal holds."""
        self._journal = journal
        self._settled: list[str] = []
        self.state = State()
        self._load()

    def append(self, *records: Record) -> None:
        """Write the records in one piece, then apply them."""
        if not records:
            return
        self._journal.write(b"".join(orjson.dumps(record) + b"\n" for record in records))
        for record in records:
            self.state.apply(record)
        self.state.records += len(records)

    def add_sent(self, message: SentMessage) -> None:
        """Record an accepted message and count it on its context, or do neither."""
        shown = orjson.dumps(message._asdict())
        self._journal.write(_SENT_PREFIX + shown + b"}\n")
        self.state.records += 1
        self.state.sent.append(shown)
        self.state.count_sent(message)

    def sent_message(self, seq: int) -> SentMessage:
        """The accepted message with this number; numbers begin with 1 and have no gaps."""
        return SentMessage(**orjson.loads(self.state.sent[seq - 1]))

    def echo_header(self, seq: int) -> str:
        """The `Msg-Id` of the echo of send `seq`, the same after a restart."""
        return header_id(self.state.world_id, "echo", seq)

    def settle_soon(self, msg_id: str) -> None:
        """Note that an event needs no further try.

        Written within 50 ms, in batches: a crash before that repeats the event, as Douyin may.
        """
        if not self._settled:
            asyncio.get_running_loop().call_later(_SETTLED_AFTER_S, self.flush)
        self._settled.append(msg_id)

    def flush(self) -> None:
        """Write the settled events that are still only in memory."""
        if self._settled:
            msg_ids, self._settled = self._settled, []
            self.append({"t": "settled", "msg_ids": msg_ids})

    def clear(self) -> None:
        """Forget everything; the caller seeds a new world."""
        self._settled.clear()
        self._journal.clear()
        self.state = State()

    def close(self) -> None:
        """Write what is left and give the journal back."""
        self.flush()
        self._journal.close()

    def _load(self) -> None:
        for number, line in enumerate(self._journal.lines(), start=1):
            try:
                self._apply_line(line)
            except (ValueError, KeyError, TypeError) as error:
                raise BrokenDataDirectoryError(
                    f"Line {number} of {self._journal.path} is not a record of the simulator."
                ) from error
            self.state.records += 1

    def _apply_line(self, line: bytes) -> None:
        if not line.startswith(_SENT_PREFIX):
            self.state.apply(orjson.loads(line))
            return
        shown = line[len(_SENT_PREFIX) : -2]
        message = SentMessage(**orjson.loads(shown))
        self.state.sent.append(shown)
        self.state.count_sent(message)
        name = GROUP_SENT if message.scene == GROUP_SCENE else SENT
        header = self.echo_header(message.seq)
        echo = PendingEvent(header, message.client_key, name, b"", message.seq)
        self.state.pending[echo.msg_id] = echo
