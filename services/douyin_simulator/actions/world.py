"""The pretend platform as one object: what the actions are given to work on."""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from services.douyin_simulator.clients import Webhooks
from services.douyin_simulator.domain.failures import Failure, Match, choose
from services.douyin_simulator.domain.identifiers import opaque_id
from services.douyin_simulator.domain.platform import App
from services.douyin_simulator.domain.sends import Caps
from services.douyin_simulator.domain.tokens import ACCESS_TOKEN_LIFE_S, REFRESH_TOKEN_LIFE_S
from services.douyin_simulator.store import Store


@dataclass(frozen=True, slots=True)
class Manners:
    """How this platform behaves where the real one is unconfirmed; times in seconds.

    All but the first can be changed by a control while it runs.
    """

    webhook_url: str
    echo_id: str = "same"
    error_family: str = "2800"
    error_envelope: str = "e1"
    now_unit: str = "ms"
    sparse_extra: bool = False
    content_encoding: str = "catalogue"
    escaped_events: bool = False
    group_sender: str = "speaker"
    cancel_after_failures: int = 0
    access_token_life_s: int = ACCESS_TOKEN_LIFE_S
    refresh_token_life_s: int = REFRESH_TOKEN_LIFE_S
    previous_access_token_life_s: int = 300
    card_review_s: int = 0
    live_data_lag_s: int = 60


@dataclass(frozen=True, slots=True)
class Demo:
    """The app and account that exist from the first start."""

    client_key: str
    client_secret: str
    account: str
    access_token: str
    refresh_token: str
    client_token: str
    fans: int


@dataclass(slots=True)
class Tally:
    """What happened since this process started."""

    refused: Counter[int] = field(default_factory=Counter)
    injected: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Pace:
    """Calls of the second that is running, for each app and path."""

    _calls: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)

    def allows(self, client_key: str, path: str, second: int, limit: int) -> bool:
        """True, and counted, unless this second has seen `limit` calls already."""
        began, calls = self._calls.get((client_key, path), (second, 0))
        calls = calls + 1 if began == second else 1
        if calls > limit:
            return False
        self._calls[client_key, path] = (second, calls)
        return True


@dataclass(slots=True)
class World:
    """State, rules and ways out of one simulated platform."""

    store: Store
    webhooks: Webhooks
    caps: Caps
    manners: Manners
    demo: Demo
    wall_ms: Callable[[], int]
    tally: Tally = field(default_factory=Tally)
    held_back: list[Callable[[], None]] = field(default_factory=list)
    _dice: dict[int, random.Random] = field(default_factory=dict)
    pace: Pace = field(default_factory=Pace)
    unheard: Counter[str] = field(default_factory=Counter)
    usual: tuple[Caps, Manners] = field(init=False)

    def __post_init__(self) -> None:
        """Remember what the settings say, before a control puts something else in its place."""
        self.usual = (self.caps, self.manners)

    def now_ms(self) -> int:
        """The platform's time: real time plus the offset that tests set."""
        return self.wall_ms() + self.store.state.offset_ms

    def fresh_id(self, purpose: str, client_key: str) -> str:
        """An id never given before; the caller must write a record before asking again."""
        state = self.store.state
        return opaque_id(state.world_id, client_key, purpose, state.records)

    def webhook_url(self, app: App) -> str:
        """Where the app's events go."""
        url = app.webhook_url or self.manners.webhook_url
        return url.replace("{client_key}", app.client_key)

    def failure_for(self, subject: Match, *, webhook: bool = False) -> Failure | None:
        """The failure that strikes this call, or this event; not yet counted as struck."""
        failures = self.store.state.failures
        if not failures:
            return None
        orders = (one for one in failures.values() if one.kind.strikes_webhooks == webhook)
        return choose(orders, subject, self._draw)

    def count_failure(self, failure: Failure) -> None:
        """A failure has struck: one less to come."""
        self.store.append({"t": "fired", "number": failure.number})
        self.tally.injected[failure.kind.value] += 1

    def add_failure(self, failure: Failure) -> None:
        """A new order; its dice start with its seed."""
        self._dice.pop(failure.number, None)
        self.store.append({"t": "failure", **asdict(failure)})

    def forget(self) -> None:
        """Everything that is only in memory starts anew."""
        self.webhooks.clear()
        self.held_back.clear()
        self._dice.clear()
        self.pace = Pace()
        self.unheard.clear()
        self.tally = Tally()

    def _draw(self, failure: Failure) -> float:
        dice = self._dice.get(failure.number)
        if dice is None:
            # A reproducible sequence is the point; nothing secret hangs on it.
            dice = self._dice[failure.number] = random.Random(failure.seed)
        return dice.random()
