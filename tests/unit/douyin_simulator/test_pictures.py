"""Pictures are measured, and parts of a body found."""

import struct
import zlib

import pytest

from services.douyin_simulator.domain.multipart import part_of
from services.douyin_simulator.domain.pictures import size_of

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00\x00\x00\rIHDR" + struct.pack(">II", 263, 120) + b"\x08\x02"
GIF = b"GIF89a" + struct.pack("<HH", 10, 20)
APP0 = b"\xff\xe0\x00\x10" + b"\x00" * 14
JPEG = b"\xff\xd8" + APP0 + b"\xff\xc0\x00\x11\x08" + struct.pack(">HH", 120, 263)
LOSSY = b"RIFF\x00\x00\x00\x00WEBPVP8 " + b"\x00" * 10 + struct.pack("<HH", 263, 120)
LOSSLESS = b"RIFF\x00\x00\x00\x00WEBPVP8L\x00\x00\x00\x00\x2f" + struct.pack("<I", 262 | 119 << 14)
EXTENDED = b"RIFF\x00\x00\x00\x00WEBPVP8X" + b"\x00" * 8 + b"\x06\x01\x00\x77\x00\x00"


@pytest.mark.parametrize(
    ("picture", "size"),
    [
        (PNG, (263, 120)),
        (GIF, (10, 20)),
        (JPEG, (263, 120)),
        (LOSSY, (263, 120)),
        (LOSSLESS, (263, 120)),
        (EXTENDED, (263, 120)),
        (b"", None),
        (b"<svg>", None),
        (PNG[:20], None),
        (JPEG[:12], None),
        (b"\xff\xd8\x00", None),
    ],
    ids=[
        "png",
        "gif",
        "jpeg",
        "webp",
        "webp l",
        "webp x",
        "empty",
        "svg",
        "torn png",
        "torn jpeg",
        "odd",
    ],
)
def test_a_picture_is_measured(picture: bytes, size: tuple[int, int] | None) -> None:
    assert size_of(picture) == size


def test_a_part_keeps_its_bytes() -> None:
    content = zlib.compress(b"x") + b"\r\n--other\r\n\r\n"
    body = (
        b'--b1\r\nContent-Disposition: form-data; name="note"\r\n\r\nhello\r\n'
        b'--b1\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n'
        b"Content-Type: image/png\r\n\r\n" + content + b"\r\n--b1--\r\n"
    )
    kind = "multipart/form-data; boundary=b1"
    assert part_of(body, kind, "image") == content
    assert part_of(body, kind, "note") == b"hello"
    assert part_of(body, kind, "imag") is None
    assert part_of(body[:-8], kind, "image") is None
    assert part_of(body, "multipart/form-data", "image") is None
    assert part_of(body, "application/json; boundary=b1", "image") is None
