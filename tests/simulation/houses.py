"""The whole house: every service, and who hears what."""

from collections.abc import Callable
from functools import partial

from tests.simulation.connector import Connector
from tests.simulation.lanes import Task
from tests.simulation.messaging import Messaging
from tests.simulation.world import Process, World


class House(Messaging, Connector):
    """Every task of the product, on one world."""

    def __init__(self, world: World, spawn: Callable[[Process, Task], None]) -> None:
        super().__init__(world, spawn)
        self.handlers = {
            ("dm", "message"): self.answer,
            ("dm", "settled"): partial(self._handled, "dm", self._dm_settled),
            ("dm", "overdue"): partial(self._handled, "dm", self._dm_overdue),
            ("quota", "settled"): partial(self._handled, "quota", self._quota_settled),
            ("quota", "not_requested"): partial(self._handled, "quota", self._quota_released),
            ("douyin", "overdue"): partial(self._handled, "douyin", self._douyin_overdue),
            ("douyin", "requested"): self.take_requests,
            ("douyin", "echo"): self.bind_echoes,
        }
