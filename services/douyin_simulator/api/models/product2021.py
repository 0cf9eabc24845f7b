"""Bodies of the controls about what the 2021 product did in the app."""

from typing import Annotated, Any, Literal

from pydantic import Field

from services.douyin_simulator.api.models.base import Body, Id

Positive = Annotated[int, Field(ge=1, le=10**9)]


class PushBody(Body):
    """A push of an account (default: the demo account) to fans."""

    account: Id | None = None
    kind: Literal["text", "image", "video", "image_text"]
    content: dict[str, Any]  # Any: shown as it came
    recipients: Annotated[list[Id], Field(min_length=1, max_length=100_000)]


class RedPacketBody(Body):
    """Money for a group, in cents."""

    group_id: Id
    kind: Literal["equal", "random"] = "random"
    total_cents: Positive
    count: Annotated[int, Field(ge=1, le=100)]


class LotteryBody(Body):
    """A draw in a group."""

    group_id: Id
    prize: Annotated[str, Field(min_length=1, max_length=200)]
    prizes: Annotated[int, Field(ge=1, le=10_000)] = 1
    draws_in_s: Annotated[int, Field(ge=0, le=365 * 86_400)] = 3600


class TakerBody(Body):
    """A fan who claims a share or takes part."""

    id: Id
    fan: Id


class NumberBody(Body):
    """The id of a lottery."""

    id: Id
