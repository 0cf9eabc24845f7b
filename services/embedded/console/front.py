"""The console as one API beside the others: operations, pages, and the merged contract."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from starlette.responses import HTMLResponse, Response

from services.embedded.console import problems
from services.embedded.console.operations_app import build_operations
from services.embedded.openapi.documents import public_document, rendered
from shared.errors import NotFound
from shared.http.versions import etag
from shared.runtime import Api, Resources, Service

_HERE: Final = Path(__file__).parent
_FILES: Final = {  # the only files that are served, by the address that they have
    "/console": ("assets/overview.html", "text/html; charset=utf-8"),
    "/console/api": ("assets/api.html", "text/html; charset=utf-8"),
    "/console/console.css": ("assets/console.css", "text/css; charset=utf-8"),
    "/console/key.js": ("assets/key.js", "text/javascript; charset=utf-8"),
    "/console/overview.js": ("assets/overview.js", "text/javascript; charset=utf-8"),
    "/console/api.js": ("assets/api.js", "text/javascript; charset=utf-8"),
    "/console/icon.svg": ("assets/icon.svg", "image/svg+xml"),
    "/console/swagger-ui.css": ("swagger/swagger-ui.css", "text/css; charset=utf-8"),
    "/console/swagger-ui-bundle.js": (
        "swagger/swagger-ui-bundle.js",
        "text/javascript; charset=utf-8",
    ),
}
HEADERS: Final = {
    # nothing from elsewhere, nothing inline, nobody may frame it; pictures in Swagger's CSS are data:
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self';"
    " img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


def build_console(resources: Resources, services: Sequence[Service], apis: Sequence[Api]) -> Api:
    """The console of a process in which all these services live."""
    app = build_operations(resources, services)
    for path, (file, kind) in _FILES.items():
        _serve(app, path, (_HERE / file).read_bytes(), kind)
    _serve_problems(app)
    documents = {api.app.title: api.app.openapi() for api in apis}
    documents[app.title] = app.openapi()
    merged = rendered(public_document(documents)).encode()
    _serve(app, "/openapi.json", merged, "application/json")
    return Api(app)


def _serve(app: FastAPI, path: str, content: bytes, kind: str) -> None:
    headers = {**HEADERS, "ETag": etag(hashlib.blake2b(content, digest_size=12).hexdigest())}

    async def served() -> Response:
        return Response(content, media_type=kind, headers=headers)

    app.add_api_route(path, served, include_in_schema=False)


def _serve_problems(app: FastAPI) -> None:
    async def catalogue() -> Response:
        return HTMLResponse(problems.catalogue_page(), headers=HEADERS)

    async def one(code: str) -> Response:
        page = problems.problem_page(code)
        if page is None:
            raise NotFound(f"no error has the code {code[:100]}")
        return HTMLResponse(page, headers=HEADERS)

    app.add_api_route("/problems", catalogue, include_in_schema=False)
    app.add_api_route("/problems/{code}", one, include_in_schema=False)
