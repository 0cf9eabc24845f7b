"""Writes `benchmarks/RESULTS.md`, its pictures and the figures of README.md and `docs/scaling.md`.

python -m tests.load.report    (`make bench` and `make bench-scale` do it at their end)
"""

import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

from tests.load.figures import Record, Result, read, read_parts
from tests.load.pictures import Bar, bars, stack
from tests.load.scaling import NAMES

BENCHMARKS = Path("benchmarks")
README, SCALING = Path("README.md"), Path("docs/scaling.md")
_BLOCK = re.compile(r"(<!-- figures: begin -->\n).*?(<!-- figures: end -->)", re.DOTALL)
CPU, STAGE = "P2 CPU: ", "P3 stage at 500/s: "

_FIRST = (  # what README.md shows: what it is, and the figures that say it
    ("webhooks stored before their 200", "P1 intake, durable", "P1 intake, p99 at 2500/s"),
    ("message in → reply accepted, echo handled", "P2 DM end to end"),
    ("CPU of our processes for it", "P2 CPU of our processes"),
    (
        "message in → reply accepted, at 500 a second: p50, p99",
        "P3 p50 at 500/s",
        "P3 p99 at 500/s",
    ),
    ("the same at 1,000 a second, which fills two cores", "P3 p50 at 1000/s", "P3 p99 at 1000/s"),
    (
        "one message against 1,000 rules; the whole decision",
        "P6 matching of 1,000 keywords",
        "P6 whole decision, 1,000 rules",
    ),
    (
        "idle; memory; second start of `siyu up`",
        "P11 idle",
        "P11 memory",
        "P11 second start",
    ),
)
_HEAD = """# Results of `make bench`

Written by `tests/load/report.py` from [results.json](results.json); do not edit.

Measured on {date}: {machine}.

PostgreSQL with fsync on, Valkey with AOF everysec, each role of each service as a process of its own that logs
warnings only (by default it logs what it does, too: 6 µs a line), the
simulator, the load and the peers, all on this machine. The load is open-loop: a message is due at its time
whether or not those before it were answered, and its latency counts from then. Ours and the peers take turns,
run by run. A figure is the median of its runs; the spread is the least and the most of them. **Every run is
checked, and one wrong result voids all**: the simulator's record holds exactly one reply to every message, every
decision says so, nothing is left held or queued, quota granted exactly six of seven, every event took effect
once, matching found what a plain loop finds; the peers' answers are checked, too.

"""
_PEERS = """
## What stands beside

The ratio is our figure over theirs: for rates above 1 is better, for times and CPU below 1.

| beside | what it does, and what it does not |
| --- | --- |
| a door that inserts one by one | bare ASGI, signature and JSON as ours; one INSERT and commit a request, ten connections. Ours commits many in one |
| a door that stores nothing | the same without PostgreSQL: the limit of this server and this load |
| WeRoBot | 1,000 rules as regular expressions, granian with one worker, 32 connections, pinned to one core; 60 % of messages match, their rules spread evenly. Answers inside the HTTP response; stores nothing, checks no quota, answers a repeated message again. Ours has both cores, and stores, decides, holds quota, sends and settles |
| aiogram | ten rules, webhook mode with uvloop, 32 connections, pinned to one core; sends each reply by HTTP. Stores nothing |
| limits | fixed window of six over a Valkey of its own, 64 at once with uvloop, in process: no HTTP, no ledger, no reservation, and an operation asked twice counts twice |
| arq | poll every 10 ms, 500 jobs at once, no results kept, a Valkey of its own; no PostgreSQL on either side |
| loop, regex | over the same 1,000 keywords; the regular expression finds the leftmost and not the longest |
"""
_TRIED = """
## What was tried

By hand, and not measured again by `make bench`: what a change or a look gave when it was made.

| what | what came of it |
| --- | --- |
| all envelopes of a batch in one command to Valkey | 11 → 3 µs of a sender's CPU for an envelope; a message has five |
| the door asks whether an echo only repeats an answer, and tells nobody | 88 of 100 echoes at 300/s, 78 of 100 at saturation, have no event, hop and handler any more |
| response clocks found by their key | 1,235 → 57 µs of PostgreSQL for a message |
| batches at every hop, one commit for many webhooks, prepared statements with arrays, one JSON parse, aiohttp for sends, a frozen collector, connections that are not reset | in place; the profiles of the processes are flat: of a function itself, none of ours has more than a tenth |
| where PostgreSQL's time goes | some thirty statements, the largest (webhooks stored) has 55 µs of about 540; the rest is commits (0.2 to 0.3 a message), and the write-ahead log: 97 records and 19 kB a message |
| echoes rest 50 ms at the door instead of 25; workers that only keep books run at niceness 5 | not kept: less CPU (our processes 908 µs), but no shorter wait at 1,000/s (both: 306 ms, niceness alone: 310, beside 247 a quarter of an hour before) |
| a Python that was built with profile-guided optimisation (Debian's) | a third less CPU than one that was not; these figures are with it |
| one event for all sends of an account that ended together, where two services heard one for each | our processes 1,100 → 1,034 µs a message (medians of five, on a busy machine), 117 → 97 records of the write-ahead log. The envelope names each cause; a trace of the two bookkeeping hops leads to the batch only |
| ANALYZE of PostgreSQL reads 3,000 rows of a table, not 30,000 (rows are found by key whatever was counted) | about 40 µs of PostgreSQL a message while a system is young; without it, a run that met an ANALYZE had 130 to 220 more |
| the platform's id of a reply in a column of its own, that no index has; pages of messages filled to 60 % | 9 of 10 settled replies change in place, before none did: 27 → 17 µs of PostgreSQL for settling one (its statement alone, medians of three, on a busy machine); for a whole message 676 → 652 µs (medians of four, side by side on that machine, where runs differ by as much), and 110 → 108 records and 0.25 kB less of the write-ahead log |
| rows given to `direct_messages` as arrays and not as JSON | not kept: 12 µs less of PostgreSQL for a message, 27 more of ours |
| quota: a new window inserted as it will be, and not made, locked and written; keys and buckets as tuples | 16,000 → 18,000 decisions a second, 87 → 79 µs of CPU for one (medians of five) |
| quota: rows given to PostgreSQL as JSON and not as arrays | not kept: 4 µs less of ours for a decision, 5 more of PostgreSQL, the same rate |
| where rest goes (P11), ten seconds each on a machine that was slower that day | application 1.2 to 1.4 % of a core, Valkey 0.4, PostgreSQL and the simulator 0.3 each, the supervisor 0.1; the jobs of each minute together 0.2 s |
| logs, updates and inboxes cleaned each minute | not kept: each five minutes, for about 0.2 % of a core at rest |
| the pace of lanes of 4 and 16 ms instead of 10; earlier operations looked for only when quota refuses something | no difference at 500/s, where a message costs twice what it does at saturation: some 45 round trips to PostgreSQL for a small batch. Fewer of them is what would help |
| messages without `ON CONFLICT`; clocks sent as one row for both measures | not kept: 6 and 7 µs of PostgreSQL for a message, for a rule that would stand in two places |
| a clock that the bot stops written once, when the answer is settled | not built: starting costs 46 µs and stopping 39 (a machine twice as busy as it should be), but the clock of people starts with the message whatever a bot does, and whether one runs, what is due and what is never settled would each be asked in two places |
| not tried: an HTTP client of our own for sends (90 µs), fewer tables | each gives up something that is worth more: a kept library, a story for every message |
"""
_TABLE = (
    "| | figure | goal | | spread | beside | ratio |",
    "| --- | --- | --- | --- | --- | --- | --- |",
)


def rendered(record: Record) -> dict[str, str]:
    """File name → contents, for everything in `benchmarks/` that is made from the record."""
    cpu, stages = _bars(record.results, CPU), _bars(record.results, STAGE)
    shown = [r for r in record.results if not r.name.startswith((CPU, STAGE))]
    lines = [_HEAD.format(date=record.date, machine=record.machine), *(f"{t}\n" for t in _TABLE)]
    lines += [_row(result) for result in shown]
    files = {}
    if cpu:
        files["cpu.svg"] = bars("CPU of one message, by what is done (P2)", "µs", cpu)
        lines.append("\n## Where the CPU goes\n\n![CPU by process](cpu.svg)\n")
    if stages:
        files["stages.svg"] = stack("The way of one message at 500 a second, medians", "ms", stages)
        lines.append("\n## Where the time goes\n\n![Time by stage](stages.svg)\n")
    lines.append(_missed(shown, cpu))
    lines.append(_PEERS)
    files["RESULTS.md"] = "".join(lines)
    return files


def _row(result: Result) -> str:
    met = {None: "", True: "met", False: "**not met**"}[result.met]
    beside = "" if result.peer is None else f"{result.peer}: {result.peer_value:,}"
    ratio = "" if result.ratio is None else f"{result.ratio} ×"
    spread = f"{min(result.runs):,} – {max(result.runs):,}"
    figure = f"{result.value:,} {result.unit}"
    return f"| {result.name} | {figure} | {result.goal or ''} | {met} | {spread} | {beside} | {ratio} |\n"


def _bars(results: Sequence[Result], prefix: str) -> list[Bar]:
    found = [r for r in results if r.name.startswith(prefix)]
    return [Bar(r.name.removeprefix(prefix), r.value, min(r.runs), max(r.runs)) for r in found]


def _missed(results: Sequence[Result], cpu: Sequence[Bar]) -> str:
    """What is not met, and what takes most of the CPU where that decides."""
    missed = [r for r in results if r.met is False]
    if not missed:
        return "\nEvery goal is met.\n"
    lines = ["\n## Not met\n\n"]
    lines += [f"- {r.name}: {r.value:,} {r.unit} where {r.goal} is asked.\n" for r in missed]
    if cpu:
        total = sum(bar.value for bar in cpu) or 1.0
        largest = sorted(cpu, key=lambda bar: -bar.value)[:3]
        told = ", ".join(f"{bar.label} {bar.value / total:.0%}" for bar in largest)
        lines.append(
            f"\nMost of the CPU of a message, servers and load included, is spent by: {told}.\n"
        )
    return "".join([*lines, _TRIED])


def scaling_block(parts: Mapping[str, Record]) -> str:
    """What `docs/scaling.md` shows between its marks: a table for all that was measured alike."""
    blocks = [
        _scaling_table(measured, [result for record in records for result in record.results])
        for measured, records in groupby(parts.values(), lambda r: f"{r.date}: {r.machine}")
    ]
    if missing := [name for name in NAMES if name not in parts]:
        blocks.append(
            f"Not measured on a quiet machine yet: {', '.join(missing)}"
            f' (`make bench-scale BENCH="--only {missing[0]}"`).\n'
        )
    return "\n".join(blocks)


def _scaling_table(measured: str, results: Sequence[Result]) -> str:
    lines = [f"Measured on {measured}.\n\n", "| | figure | goal | |\n"]
    lines.append("| --- | --- | --- | --- |\n")
    for r in results:
        met = {None: "", True: "met", False: "**not met**"}[r.met]
        lines.append(f"| {r.name} | {r.value:,} {r.unit} | {r.goal or ''} | {met} |\n")
    return "".join(lines)


def first_block(record: Record) -> str:
    """What README.md shows between its marks."""
    named = {result.name: result for result in record.results}
    lines = ["| what | figure | goal |\n", "| --- | --- | --- |\n"]
    for what, *names in _FIRST:
        told = [named[name] for name in names if name in named]
        figures = "; ".join(f"{r.value:,} {r.unit}" for r in told)
        goals = "; ".join(f"{r.goal}{'' if r.met else ' (**not met**)'}" for r in told)
        lines.append(f"| {what} | {figures} | {goals} |\n")
    return "".join(lines)


def filled(page: str, block: str) -> str:
    """The page with the block between its marks."""
    return _BLOCK.sub(lambda found: found[1] + block + found[2], page)


def scaling_parts() -> dict[str, Record]:
    """What `make bench-scale` wrote so far."""
    file = BENCHMARKS / "scaling.json"
    return read_parts(file) if file.exists() else {}


def write() -> None:
    """Write everything that is made from figures."""
    measured = read(BENCHMARKS / "results.json")
    for name, contents in rendered(measured).items():
        (BENCHMARKS / name).write_text(contents, "utf-8")
    blocks = {README: first_block(measured), SCALING: scaling_block(scaling_parts())}
    for page, block in blocks.items():
        page.write_text(filled(page.read_text("utf-8"), block), "utf-8")


if __name__ == "__main__":
    write()
