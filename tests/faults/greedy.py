"""Runs a module that takes more and more memory: `python -m tests.faults.greedy FILE MODULE …`, from when FILE is there."""

import runpy
import sys
import threading
import time
from pathlib import Path

_PIECE_BYTES = 8 * 2**20
_PAUSE_SECONDS = 0.1


def _eat(begins: Path) -> None:
    eaten: list[bytes] = []
    while True:
        if begins.exists():
            eaten.append(b"\1" * _PIECE_BYTES)
        time.sleep(_PAUSE_SECONDS)


if __name__ == "__main__":
    threading.Thread(target=_eat, args=(Path(sys.argv.pop(1)),), daemon=True).start()
    module = sys.argv.pop(1)
    runpy.run_module(module, run_name="__main__", alter_sys=True)
