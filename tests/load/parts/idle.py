"""P11: embedded mode at rest, and how fast it starts the second time."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

from services.embedded.servers.ports import answers_ok, free_port
from tests.load.figures import Result, below, figure
from tests.load.parts import Shape
from tests.load.system import System, Void

_PATIENCE = 120


def measure(shape: Shape) -> list[Result]:
    """Starts of data that is there, and what doing nothing costs."""
    starts: list[float] = []
    shares: list[float] = []
    sizes: list[float] = []
    seconds = shape.of(10, 2)
    with tempfile.TemporaryDirectory() as folder:
        if not shape.short:
            with _up(folder):
                pass  # the first start makes everything
        for _ in range(shape.runs):
            with _up(folder) as (system, took):
                time.sleep(shape.of(15, 1))  # what a start leaves to do is done
                before = system.cpu()["up"]
                time.sleep(seconds)
                starts.append(took)
                shares.append((system.cpu()["up"] - before) / seconds * 100)
                sizes.append(system.memory()["up"] / 1e6)
    return [
        figure("P11 second start", "s", starts, below(10)),
        figure("P11 idle", "% of one core", shares, below(2)),
        figure("P11 memory", "MB", sizes, below(500)),
    ]


@contextmanager
def _up(folder: str) -> Iterator[tuple[System, float]]:
    """Embedded mode, and the seconds until it was ready."""
    port, simulator = free_port(), free_port()
    places = {
        "SIYU_DATA_DIR": folder,
        "SIYU_PORT": str(port),
        "SIYU_SIMULATOR_PORT": str(simulator),
    }
    words, began = [sys.executable, "-m", "services.embedded", "up"], time.monotonic()
    up = subprocess.Popen(words, env=os.environ | places, stdout=subprocess.DEVNULL)
    try:
        while not answers_ok("127.0.0.1", port):
            if up.poll() is not None or time.monotonic() - began > _PATIENCE:
                raise Void("embedded mode did not start")
            time.sleep(0.02)
        took = time.monotonic() - began
        yield System({}, simulator, "", "", processes={"up": up.pid}), took
    finally:
        up.terminate()
        up.wait()
