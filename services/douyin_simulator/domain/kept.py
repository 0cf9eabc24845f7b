"""Every kind of thing that is kept by id."""

from typing import Final

from services.douyin_simulator.domain.things import Thing
from services.douyin_simulator.domain.traits import AccountTraits, FanTraits, Override, PathLimit

KEPT: Final[tuple[type[Thing], ...]] = (AccountTraits, FanTraits, PathLimit, Override)
