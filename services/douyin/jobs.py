"""Time in: leases that run out, tries that are due, tokens that end."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from services.douyin.actions import bodies, sending, subscriptions
from services.douyin.actions.asking import AskDeps
from services.douyin.actions.business import BusinessKeeper
from services.douyin.actions.looking import Looker
from services.douyin.actions.recalls import Recaller
from services.douyin.actions.repairs import Repairer
from services.douyin.actions.sending import SendDeps
from services.douyin.actions.tokens import TokenKeeper
from shared.queue import Alarm, Tick

_SWEEP_SECONDS = 2.0
_TOKEN_SECONDS = 60.0
_BUSINESS_SECONDS = 10.0  # somebody who wants one waits for it


@dataclass(frozen=True, slots=True)
class Watching:
    """What is looked up at the platform by time."""

    asking: AskDeps
    silence: timedelta
    repairer: Repairer
    lookers: Sequence[Looker]


def ticks(deps: SendDeps, watching: Watching, bodies_kept: timedelta) -> list[Tick]:
    """What runs at fixed times."""
    watch = partial(subscriptions.watch, watching.asking, watching.silence)
    forget = partial(bodies.forget_bodies, deps.database, bodies_kept)
    found = [
        Tick("douyin.forget_bodies", 60, forget),
        Tick("douyin.watch_subscriptions", 300, watch),
    ]
    if watching.repairer.every:
        found.append(Tick("douyin.repair_missed", 60, watching.repairer.run))
    found += [
        Tick(f"douyin.look_at_{looker.subject}", 30, looker.run)
        for looker in watching.lookers
        if looker.every
    ]
    return found


class Sweeper:
    """Sweeps, and knows from the sweep when the next one is due."""

    def __init__(self, deps: SendDeps) -> None:
        self._deps = deps
        self._due: float | None = None

    async def run(self) -> None:
        """Sweep once."""
        self._due = await sending.sweep(self._deps)

    async def next_due(self) -> float | None:
        """Seconds until something is due."""
        return self._due


def alarms(
    deps: SendDeps, tokens: TokenKeeper, business: BusinessKeeper, recaller: Recaller
) -> list[Alarm]:
    """What PostgreSQL knows the time of."""
    sweeper = Sweeper(deps)

    async def nothing_nearer() -> float | None:
        return None

    refresh = Alarm("douyin.tokens", nothing_nearer, tokens.refresh_due, longest=_TOKEN_SECONDS)
    sweep = Alarm("douyin.sweep", sweeper.next_due, sweeper.run, longest=_SWEEP_SECONDS)
    recalls = Alarm("douyin.recalls", recaller.next_due, recaller.run_due)
    recaller.wake = recalls.poke
    relations = Alarm(
        "douyin.business_tokens", nothing_nearer, business.refresh_due, longest=_BUSINESS_SECONDS
    )

    def wake() -> None:
        refresh.poke()
        relations.poke()

    tokens.wake = wake
    return [sweep, refresh, recalls, relations]
