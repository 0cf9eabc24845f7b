"""Runs a command of ours with a wall clock that is wrong: `python -m tests.faults.skewed 90 run …`."""

import datetime as dt
import sys

import time_machine

from services.embedded.command import main

if __name__ == "__main__":
    wrong = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=float(sys.argv.pop(1)))
    with time_machine.travel(wrong, tick=True):
        main()
