"""Which bytes are an image that may be uploaded."""

from typing import Final

MOST_BYTES: Final = 10 * 1024 * 1024  # unconfirmed: what one other client of the platform allows
_HEAD: Final = 12
_STARTS: Final = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
    b"BM": "image/bmp",
}


def kind_of(image: bytes) -> str | None:
    """The media type that the first bytes tell; None for what is no image that we know."""
    for start, kind in _STARTS.items():
        if image.startswith(start) and len(image) > _HEAD:
            return kind
    is_webp = image.startswith(b"RIFF") and image[8:_HEAD] == b"WEBP"
    return "image/webp" if is_webp else None
