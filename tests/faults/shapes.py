"""How a run looks: the short form for every change, the full one, the soak; or single faults by name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from tests.faults.bugs import Bug
from tests.faults.scenarios import SCENARIOS
from tests.faults.storm import Weather

_GIGA = 2**30
CALM = Weather(kill=0, valkey=0, postgres=0, link=0)


@dataclass(frozen=True, slots=True)
class Shape:
    """The same seed makes the same traffic and the same plan of faults."""

    name: str
    scenarios: Sequence[str]
    rate: float = 40.0  # deliveries a second
    ambiguous: float = 0.02  # of the sends, all the time
    long: float = 1.0  # how much longer each fault is played than in the short form
    weather: Weather = CALM
    storm_seconds: float = 0.0
    storm_ends: float = float("inf")  # seconds after which it ends, whatever it has seen
    only: bool = True  # whether the faults were chosen one by one
    least: Mapping[str, int] = field(
        default_factory=dict
    )  # of the whole run: the storm goes on until all was seen
    patience: float = 90.0  # seconds after the last fault until everything is at rest
    hold_patience: float = 0.0  # and then until no hold is left without a send; 0: only counted
    disk: int = 2 * _GIGA
    memory: int = 5 * _GIGA // 2


SHORT = Shape(
    "short",
    [name for name, scenario in SCENARIOS.items() if scenario.in_short],
    only=False,
    weather=Weather(kill=2.5, valkey=9, postgres=16, link=5),
    storm_seconds=40,
    least={"process_killed": 12, "valkey_losses": 7, "postgres_down": 4},
)
FULL = Shape(
    "full",
    list(SCENARIOS),
    only=False,
    rate=75.0,
    ambiguous=0.05,
    long=1.5,
    # each kill costs the seconds of CPU in which a process starts: oftener, and nothing else is done
    weather=Weather(kill=2.8, valkey=16, postgres=35, link=20),
    least={
        "events": 100_000,
        "process_killed": 500,
        "valkey_losses": 50,
        "postgres_down": 20,
    },
    patience=180,
    hold_patience=200,
    disk=8 * _GIGA,
    memory=4 * _GIGA,
)
SOAK = Shape(
    "soak",
    list(SCENARIOS),
    only=False,
    rate=20.0,
    ambiguous=0.01,
    long=2.0,
    weather=Weather(kill=300, valkey=900, postgres=1_800, link=600),
    storm_seconds=8 * 3600.0,
    least={"process_killed": 1},
    hold_patience=200,
    disk=20 * _GIGA,
    memory=4 * _GIGA,
)
SHAPES = {shape.name: shape for shape in (SHORT, FULL, SOAK)}


def shape_of(name: str | None, only: Sequence[str] | None, minutes: float | None) -> Shape:
    """The shape that was asked for: of that name, with these faults, with a storm that ends then."""
    if only and name is None:
        return Shape("", only)
    shape = SHAPES[name or SHORT.name]
    return replace(
        shape,
        scenarios=only or shape.scenarios,
        only=bool(only),
        storm_ends=minutes * 60 if minutes else float("inf"),
    )


def catching(bug: Bug) -> Shape:
    """The run that must bring a planted mistake to light."""
    return Shape(
        "",
        bug.faults,
        ambiguous=0.1,
        weather=Weather(bug.kill, bug.valkey, bug.postgres, 0),
        least={"events": bug.events},
        patience=45,
    )
