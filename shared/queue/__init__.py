"""The carrier: Redis streams for events, arq for the clock. The only place that knows either."""

from shared.queue.clock import Alarm, Clock, Tick
from shared.queue.lanes import Handler, Lane
from shared.queue.readers import CarrierAway
from shared.queue.streams import Streams

__all__ = ["Alarm", "CarrierAway", "Clock", "Handler", "Lane", "Streams", "Tick"]
