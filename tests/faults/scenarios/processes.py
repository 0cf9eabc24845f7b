"""Processes that die, stand still, or are replaced."""

import asyncio
import signal
from collections.abc import Iterable, Mapping, Sequence

from tests.faults.members import DOORS, Member
from tests.faults.stage import Stage
from tests.faults.waiting import until

_STRUCK_WITHIN = 90.0  # it may have to start first, on a busy machine
_IN_FLIGHT = 192  # claims that one connector may hold: what a kill may leave in doubt
_LEASE_SECONDS = 12.0
_DOOR_WAITS = 1.2  # seconds for PostgreSQL
_MEMORY_MAX = 300 * 2**20  # resident bytes of a process, in F27
INBOX = ("inbox.before_commit", "inbox.after_commit", "inbox.before_200")
SENDING = (
    *("claim.after_commit", "send.before_write", "send.after_write", "send.after_read"),
    *("settle.before_commit", "settle.after_commit"),
)


async def die_at(
    stage: Stage, members: Sequence[Member], points: Sequence[str], probability: float, times: int
) -> None:
    """Let these members kill themselves there until it was seen so often, then start them whole."""
    plan = ";".join(f"{point}=kill9:p{probability}" for point in points)
    seed, before = str(stage.dice.randrange(2**31)), struck(members)
    stage.lab.expects_deaths = True
    try:
        for member in members:
            await stage.lab.restart(member, FAILPOINT=plan, FAILPOINT_SEED=seed)
        within = _STRUCK_WITHIN * max(1, times / 4)
        await stage.lab.wait(lambda: struck(members) - before >= times, within)
    finally:  # what it was not seen to do here, it must not do to the others
        for member in members:
            await stage.lab.restart(member)
        stage.note("died at a failpoint", struck(members) - before)
        stage.lab.expects_deaths = False


def struck(members: Sequence[Member]) -> int:
    """How often a failpoint struck in these members so far."""
    logs = (member.folder / "logs" / f"{member.name}.log" for member in members)
    return sum(log.read_bytes().count(b"\nfailpoint ") for log in logs if log.exists())


async def killed_at_the_door(stage: Stage) -> None:
    """F1."""
    for points in _groups(stage, INBOX):
        await die_at(stage, stage.lab.some(*DOORS), points, 0.04, 2)


async def killed_while_sending(stage: Stage) -> None:
    """F2. What is in doubt afterwards is bounded by what a worker may have in its hands."""
    before = await stage.evidence()
    for points in _groups(stage, SENDING):
        await die_at(stage, stage.lab.some("douyin-worker"), points, 0.03, 2)
    after = await stage.evidence()
    kills = after["died at a failpoint"] - before["died at a failpoint"]
    if after["unknown"] - before["unknown"] > _IN_FLIGHT * max(kills, 1):
        stage.complain(f"F2 {after['unknown']} in doubt after {kills} kills")


def _groups(stage: Stage, points: Sequence[str]) -> list[Sequence[str]]:
    """Short runs arm all of them together, longer ones each for itself."""
    return [points] if stage.long <= 1 else [(point,) for point in points]


async def any_worker_suffices(stage: Stage) -> None:
    """F3. Relays, sweepers and clocks die one after the other."""
    for member in stage.lab.some("worker"):
        if stage.lab.kill(member):
            stage.note("worker killed")
        await stage.sleep(0.8)
    await stage.lab.until_ready(60)


async def stopped_past_its_lease(stage: Stage) -> None:
    """F26. The zombies wake when others have taken over."""
    zombies = [m for m in stage.lab.some("douyin-worker-1", "direct_messages-worker-1") if m.pid]
    for member in zombies:
        stage.lab.kill(member, signal.SIGSTOP)
        stage.note("stopped past a lease")
    await asyncio.sleep(_LEASE_SECONDS + 3)
    for member in zombies:
        stage.lab.kill(member, signal.SIGCONT)
    await stage.recovered("a worker woke up", 30)


async def out_of_memory(stage: Stage) -> None:
    """F27. All processes of a service eat until each has too much and is ended in the middle of its work.

    Without a cgroup: a thread stands for what leaks, and whoever looks at resident sizes for the kernel.
    """
    begins = stage.lab.folder / "eat"
    for service in ("douyin", "direct_messages", "quota"):
        members = stage.lab.some(f"{service}-")
        usual = {member.name: member.by for member in members}
        for member in members:
            member.by = ("tests.faults.greedy", str(begins), *member.by)
        await asyncio.gather(*(stage.lab.restart(member) for member in members))
        await stage.lab.until_ready(60)
        begins.touch()
        await _end_the_greedy(stage, members, usual)
        begins.unlink()
        await stage.lab.until_ready(60)
        await stage.recovered("a service had no memory", 30)


async def _end_the_greedy(
    stage: Stage, members: Sequence[Member], usual: Mapping[str, Sequence[str]]
) -> None:
    """Each when it has taken too much; it comes back as it was."""
    greedy = {member.name: member for member in members}

    def end() -> bool:
        for name, size in stage.lab.resident().items():
            if size > _MEMORY_MAX and name in greedy:
                member = greedy.pop(name)
                member.by = usual[name]
                stage.lab.kill(member)
                stage.note("ended for its memory")
        return not greedy

    await stage.lab.wait(end, _STRUCK_WITHIN)


async def loop_stands_still(stage: Stage) -> None:
    """F28. Nothing turns in the worker for longer than a lease, right after it has claimed."""
    member = stage.lab.members["douyin-worker-1"]
    before = struck([member])
    await stage.lab.restart(member, FAILPOINT=f"claim.after_commit=block:{_LEASE_SECONDS + 2}:p0.1")
    await stage.lab.wait(lambda: struck([member]) > before, _STRUCK_WITHIN * 2)
    stage.note("loop stood still", struck([member]) - before)
    await asyncio.sleep(_LEASE_SECONDS + 4)
    member.more = {}
    stage.lab.kill(member)  # it may stand still again by now, and would not hear a polite word
    await stage.lab.until_ready(60)


async def rolling_restart(stage: Stage) -> None:
    """F29. Everything is replaced, one after the other: no delivery fails, nothing is in doubt."""
    recent = stage.fans.poster.history.recent
    recent.clear()
    before = await stage.evidence()
    replaced = list(stage.lab.members.values())[1:]
    if stage.long <= 1:
        replaced = stage.lab.some(*DOORS, "douyin-worker-1", "direct_messages-worker-1")
    for member in replaced:
        await stage.lab.restart(member)
        await until(member.is_ready)
        stage.note("replaced")
    after = await stage.evidence()
    if failed := failures(recent):
        stage.complain(f"F29 {failed} deliveries failed while processes were replaced")
    doubts = sum(after[k] - before[k] for k in after if k.startswith("platform accepted_then"))
    if after["unknown"] - before["unknown"] > doubts:
        stage.complain("F29 replacing processes left sends in doubt")


def failures(answers: Iterable[tuple[str, float]]) -> int:
    """Deliveries that were refused and should not have been.

    A door says 503 at once when it cannot store, and after a while when PostgreSQL is slow. A machine
    that is overrun is slow without us: then what was stored took long, too.
    """
    stored = [seconds for answer, seconds in answers if answer == "200"]
    refused = [seconds for answer, seconds in answers if answer.startswith("5")]
    is_overrun = max(stored, default=0.0) > _DOOR_WAITS / 2
    return sum(seconds < _DOOR_WAITS or not is_overrun for seconds in refused)
