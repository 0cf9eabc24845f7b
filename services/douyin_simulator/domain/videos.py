"""What an account publishes: videos and live broadcasts."""

from dataclasses import dataclass

from services.douyin_simulator.domain.things import Thing


@dataclass(frozen=True, slots=True)
class Video(Thing):
    """A public video of an account; `id` is its item id."""

    account: str
    title: str
    created_at_ms: int
    public: bool = True
    digg_count: int = 0
    play_count: int = 0


@dataclass(frozen=True, slots=True)
class LiveRoom(Thing):
    """One live broadcast; `id` is the room's, `ended_at_ms` None while it goes on."""

    account: str
    live_id: str
    title: str
    started_at_ms: int
    ended_at_ms: int | None = None
    viewers: int = 0
