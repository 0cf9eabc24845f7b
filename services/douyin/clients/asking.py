"""Calls that may be asked again without harm: images, cards, files of fans, fans, owners, videos, lives, events."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import orjson

from shared.http.client import Answer, OneTry

ASK_SECONDS = 8.0
UPLOAD_SECONDS = 20.0
_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"
_BOUNDARY = b"siyu-7c1f0f6be2d14b8d9a5e3c"


class Asking:
    """Douyin's API at one address. Every call raises NotSent or MaybeSent."""

    def __init__(self, base_url: str, http: OneTry) -> None:
        self._base = base_url.rstrip("/")
        self._http = http
        # how addresses begin that the platform may hand out: in the clear only where it is itself
        self.schemes = ("https://",) if base_url.startswith("https://") else ("https://", "http://")

    async def get(self, path: str, token: str, **query: object) -> Answer:
        """One GET with this query."""
        url = f"{self._base}{path}?{urlencode({k: str(v) for k, v in query.items()})}"
        return await self._http.get(url, {"access-token": token}, seconds=ASK_SECONDS)

    async def post(self, path: str, token: str, body: Mapping[str, Any], **query: object) -> Answer:
        """One POST of a JSON object with this query."""
        url = f"{self._base}{path}"
        if query:
            url += f"?{urlencode({k: str(v) for k, v in query.items()})}"
        headers = {"access-token": token, "Content-Type": _JSON}
        return await self._http.post(url, orjson.dumps(body), headers, seconds=ASK_SECONDS)

    async def user_info(self, token: str, open_id: str) -> Answer:
        """Who owns the account. This one call wants the header with an underscore."""
        headers = {"access_token": token, "Content-Type": _FORM}
        body = urlencode({"open_id": open_id}).encode()
        url = f"{self._base}/oauth/userinfo/"
        return await self._http.post(url, body, headers, seconds=ASK_SECONDS)

    async def upload(self, client_token: str, image: bytes, kind: str) -> Answer:
        """One image, as the form that a browser would send."""
        head = (
            b'--%b\r\nContent-Disposition: form-data; name="image"; filename="image"\r\n'
            b"Content-Type: %b\r\n\r\n" % (_BOUNDARY, kind.encode())
        )
        body = b"".join((head, image, b"\r\n--", _BOUNDARY, b"--\r\n"))
        kind_of_form = f"multipart/form-data; boundary={_BOUNDARY.decode()}"
        headers = {"access-token": client_token, "Content-Type": kind_of_form}
        url = f"{self._base}/tool/imagex/client_upload/"
        return await self._http.post(url, body, headers, seconds=UPLOAD_SECONDS)
