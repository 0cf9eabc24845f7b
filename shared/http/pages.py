"""Keyset pages: opaque, signed cursors. Used by every service with a list."""

import base64
import hmac
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import orjson
from fastapi import Depends, Query, Request, Response

from shared.errors import BadRequest

_AS_IS = "/?&=%+~:@!$'()*,;"  # of an address that is encoded already


@dataclass(frozen=True, slots=True)
class Page:
    """Which page a client wants, and the answer that names the next one."""

    limit: int
    cursor: str | None
    request: Request
    response: Response

    def then(self, cursor: str | None) -> str | None:
        """The cursor of the next page (None: this is the last), also told as `Link`."""
        if cursor is not None:
            asked = [
                pair for pair in self.request.query_params.multi_items() if pair[0] != "cursor"
            ]
            place = f"{self.request.url.path}?{urlencode([*asked, ('cursor', cursor)])}"
            self.response.headers["Link"] = f'<{quote(place, safe=_AS_IS)}>; rel="next"'
        return cursor


def _page(
    request: Request,
    response: Response,
    limit: Annotated[int, Query(ge=1, le=200, description="Rows a page")] = 50,
    cursor: Annotated[
        str | None, Query(max_length=1000, description="`next_cursor` of the page before")
    ] = None,
) -> Page:
    return Page(limit, cursor, request, response)


AskedPage = Annotated[Page, Depends(_page)]


class Cursors:
    """Makes and reads cursors of one service. A cursor of another list or caller is refused."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def write(self, place: list[Any], *belongs_to: str) -> str:
        """A cursor behind the row whose sort key is `place`, for this list, tenant and filter."""
        raw = orjson.dumps([place, list(belongs_to)])
        return base64.urlsafe_b64encode(self._sign(raw) + raw).decode().rstrip("=")

    def read(self, cursor: str, *belongs_to: str) -> list[Any]:
        """The place. Raises BadRequest for anything that `write` did not make for the same list."""
        try:
            raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
            if not hmac.compare_digest(raw[:16], self._sign(raw[16:])):
                raise ValueError
            place, owner = orjson.loads(raw[16:])
            if owner != list(belongs_to):
                raise ValueError
        except ValueError:
            raise BadRequest("the cursor is not one of this list", parameter="cursor") from None
        return list(place)

    def _sign(self, raw: bytes) -> bytes:
        return hmac.digest(self._key, raw, "sha256")[:16]
