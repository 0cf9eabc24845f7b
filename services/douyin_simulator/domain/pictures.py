"""How large a picture is, read from its first bytes."""

import struct
from typing import Final

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_STANDALONE: Final = frozenset({0x01, *range(0xD0, 0xD9)})
# Start-of-frame markers; C4, C8 and CC in this range mean something else.
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def size_of(picture: bytes) -> tuple[int, int] | None:
    """Width and height of a PNG, GIF, JPEG or WebP picture; None if it is none of them."""
    try:
        if picture.startswith(_PNG):
            return _pair(struct.unpack(">II", picture[16:24]))
        if picture[:6] in (b"GIF87a", b"GIF89a"):
            return _pair(struct.unpack("<HH", picture[6:10]))
        if picture[:4] == b"RIFF" and picture[8:15] == b"WEBPVP8":
            return _webp(picture)
        return _jpeg(picture) if picture[:2] == b"\xff\xd8" else None
    except (struct.error, IndexError):
        return None


def _webp(picture: bytes) -> tuple[int, int] | None:
    kind = picture[15:16]
    if kind == b"X":
        wide, high = picture[24:27], picture[27:30]
        return int.from_bytes(wide, "little") + 1, int.from_bytes(high, "little") + 1
    if kind == b"L":
        bits = int.from_bytes(picture[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack("<HH", picture[26:30])
    return width & 0x3FFF, height & 0x3FFF


def _jpeg(picture: bytes) -> tuple[int, int] | None:
    place = 2
    while True:
        if picture[place] != 0xFF:  # noqa: PLR2004
            return None
        marker = picture[place + 1]
        if marker in _FRAMES:
            height, width = struct.unpack(">HH", picture[place + 5 : place + 9])
            return width, height
        if marker in _STANDALONE:
            place += 2
        else:
            place += 2 + int.from_bytes(picture[place + 2 : place + 4], "big")


def _pair(numbers: tuple[int, ...]) -> tuple[int, int]:
    width, height = numbers
    return width, height
