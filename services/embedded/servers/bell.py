"""Wakes the supervisor when a child ends or somebody wants it to stop."""

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Self

_IMPATIENT_AFTER = 0.5


class Bell:
    """While it is entered, it takes the signals of the process; `rung` counts wishes to stop."""

    _STOP = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

    def __init__(self) -> None:
        self.rung = 0
        self._rang_at = 0.0
        self._restore: list[Callable[[], object]] = []
        self._ear = -1

    def wait(self, seconds: float) -> None:
        """Sleep until something happens, or the time is over."""
        ready, _, _ = select.select([self._ear], [], [], seconds)
        if ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._ear, 4096)

    def __enter__(self) -> Self:
        self._ear, mouth = os.pipe()
        for end in (self._ear, mouth):
            os.set_blocking(end, False)
        before = signal.set_wakeup_fd(mouth, warn_on_full_buffer=False)
        self._restore = [
            lambda: signal.set_wakeup_fd(before),
            lambda: os.close(mouth),
            lambda: os.close(self._ear),
        ]
        for number in self._STOP:
            # nohup sets SIGHUP aside on purpose
            if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                self._handle(number, self._ring)
        self._handle(signal.SIGCHLD, lambda _number, _frame: None)
        return self

    def _handle(
        self, number: signal.Signals, handler: Callable[[int, FrameType | None], None]
    ) -> None:
        before = signal.signal(number, handler)
        self._restore.insert(0, lambda: signal.signal(number, before))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for restore in self._restore:
            restore()

    def _ring(self, _number: int, _frame: FrameType | None) -> None:
        # make and a process group may bring one wish twice; impatience comes later
        if self.rung == 0 or time.monotonic() - self._rang_at > _IMPATIENT_AFTER:
            self.rung += 1
            self._rang_at = time.monotonic()
