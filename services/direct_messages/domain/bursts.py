"""Words that a fan sends in pieces, one right after the other, read as one."""

from collections.abc import Sequence
from dataclasses import replace

from services.direct_messages.domain.cases import Inbound


def joined(pieces: Sequence[Inbound]) -> list[Inbound]:
    """The pieces of one fan, in order: the last one says it all, the others are parts of it.

    One space stands between pieces; beside a Chinese character it means nothing.
    """
    *parts, last = pieces
    if not parts:
        return [last]
    whole = replace(
        last,
        text=" ".join(piece.text or "" for piece in pieces),
        said=last.text or "",
        joins=tuple(part.message_id for part in parts),
    )
    return [*(replace(part, is_part=True) for part in parts), whole]
