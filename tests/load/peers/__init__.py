"""Programs that do the same kind of work in another way; each runs as a process of its own."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

INSTALLED = Path(sys.prefix) / "peers" / "bin" / "python"


@dataclass(frozen=True, slots=True)
class Program:
    """What is run and where it listens. `one_core`: it may not use more, as its figures are told."""

    words: Sequence[str]
    port: int
    environment: Mapping[str, str] = field(default_factory=dict)
    one_core: bool = False


@contextmanager
def serving(program: Program, log: Path) -> Iterator[None]:
    """Run a program until the block ends, which begins when it accepts connections."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            list(program.words),
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **program.environment},
        )
        try:
            if program.one_core and hasattr(os, "sched_setaffinity"):
                os.sched_setaffinity(process.pid, {min(os.sched_getaffinity(0))})
            _wait(process, program.port, log)
            yield
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def told(words: Sequence[str]) -> Any:
    """Run a program to its end; what it printed as JSON. Raises CalledProcessError."""
    done = subprocess.run(list(words), stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def _wait(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"a peer did not start: {log.read_text('utf-8', 'replace')[-500:]}")
        time.sleep(0.05)
