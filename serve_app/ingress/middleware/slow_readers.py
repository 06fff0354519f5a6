"""Clients that stop reading their answer: given up after `limits.write_timeout_s`.

Ray takes whatever the ingress writes, at once, and keeps it until the client has read it; only its
proxy sees that nothing moves. So the ingress states the time limit in a header of its answers, and
middleware in the proxy keeps to it: a connection that is cut there looks like a client that left,
which cancels its work and frees its memory.
"""

import asyncio
from collections.abc import Iterator

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve_app.observability import log_event

_HEADER = "X-Write-Timeout"
_PIECE = 256 * 1024
"""Bytes that a client must take within the time limit: slow is not stalled."""


class StatedWriteTimeout:
    """ASGI middleware around the API: every answer says how long its reader may stall."""

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_stated(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[_HEADER] = f"{self._seconds:g}"
            await send(message)

        await self._app(scope, receive, send_stated)


class SlowReaders:
    """ASGI middleware of the proxy, next to the server: cuts the connection of a stalled client."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        limit: float | None = None

        async def send_in_time(message: Message) -> None:
            nonlocal limit
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if _HEADER in headers:
                    limit = float(headers[_HEADER])
                    del headers[_HEADER]
            try:
                for piece in _pieces(message):
                    # The server waits in here while the client reads too little.
                    async with asyncio.timeout(limit):
                        await send(piece)
            except TimeoutError:
                log_event("client stalled", path=scope["path"], seconds=limit)
                transport = _transport(send)
                if transport is None:
                    raise
                transport.abort()

        await self._app(scope, receive, send_in_time)


def _pieces(message: Message) -> Iterator[Message]:
    body = message.get("body", b"")
    if message["type"] != "http.response.body" or len(body) <= _PIECE:
        yield message
        return
    for start in range(0, len(body), _PIECE):
        yield {"type": message["type"], "body": body[start : start + _PIECE], "more_body": True}
    # Nothing, but the server waits for the pieces before it.
    yield {**message, "body": b""}


def _transport(send: Send) -> asyncio.Transport | None:
    """Its `abort` drops a connection with all that waits to be written; ASGI knows no such word.

    uvicorn's `send` is a method of the request, which holds it.
    """
    return getattr(getattr(send, "__self__", None), "transport", None)
