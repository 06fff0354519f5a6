"""Answers of text that are long and shrink well, compressed for whoever accepts gzip.

Not pictures in base64, of which a quarter is saved at 25 ms of CPU a megabyte, and which nearly
every HTTP client would ask for unknowingly; nor streams, which it would hold back.
"""

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from serve_app.ingress.middleware.special_paths import LONG_TEXTS

SMALLEST = 8192  # bytes
_LEVEL = 5  # higher ones save a tenth more for twice the time


class Compressed:
    """ASGI middleware next to the routes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._gzip = GZipMiddleware(app, SMALLEST, _LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        chosen = scope["type"] == "http" and scope["path"] in LONG_TEXTS
        await (self._gzip if chosen else self._app)(scope, receive, send)
