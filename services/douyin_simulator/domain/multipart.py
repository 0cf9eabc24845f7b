"""One file out of a multipart body."""

import re
from typing import Final

_BOUNDARY: Final = re.compile(r'boundary="?([^";]{1,70})"?', re.IGNORECASE)


def part_of(body: bytes, content_type: str, name: str) -> bytes | None:
    """The content of the part with this name; None if there is none or the body is torn."""
    found = _BOUNDARY.search(content_type)
    if not content_type.lower().startswith("multipart/form-data") or found is None:
        return None
    line = b"--" + found[1].encode("latin-1", errors="replace")
    pieces = (b"\r\n" + body).split(b"\r\n" + line)
    if len(pieces) < 3 or not pieces[-1].startswith(b"--"):  # noqa: PLR2004
        return None
    wanted = re.compile(rb'name="?' + re.escape(name.encode()) + rb'"?(?:;|\r\n|$)', re.IGNORECASE)
    for piece in pieces[1:-1]:
        head, separator, content = piece.partition(b"\r\n\r\n")
        if separator and wanted.search(head):
            return content
    return None
