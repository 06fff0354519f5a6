"""Reads the whole request body up front, within a byte limit and a time limit.

Every route needs the whole body, so it is read before routing: an oversized body is refused before
it is parsed, a client that stops sending times out, and one that disconnects half-way costs
nothing. A compressed body is not unpacked, and a query has a limit too.
"""

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve_app.config import Limits
from serve_app.errors import (
    BodyStalled,
    BodyTooLarge,
    InvalidRequest,
    ServiceError,
    TimedOut,
    UnsupportedEncoding,
    mebibytes,
    over,
)
from serve_app.ingress.problems import problem

_MAX_QUERY_BYTES = 8192


class BoundedBody:
    """ASGI middleware around the whole API."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app = app
        self._max_bytes = limits.max_body_bytes
        self._timeout_s = limits.request_timeout_s
        self._stalled_s = limits.read_timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        try:
            if len(scope["query_string"]) > _MAX_QUERY_BYTES:
                sent = len(scope["query_string"])
                most = f"at most {_MAX_QUERY_BYTES}: send fields in the body"
                raise InvalidRequest(f"the query has {sent} bytes; {most}")
            body = await self._read(Headers(scope=scope), receive)
        except ServiceError as error:
            return await problem(error)(scope, receive, send)
        if body is None:
            return None

        replayed = False

        async def replay() -> Message:
            nonlocal replayed
            if replayed:
                return await receive()
            replayed = True
            return {"type": "http.request", "body": body, "more_body": False}

        return await self._app(scope, replay, send)

    async def _read(self, headers: Headers, receive: Receive) -> bytes | None:
        """The body, or None where the client left while sending it."""
        if headers.get("content-encoding", "identity").lower() != "identity":
            raise UnsupportedEncoding("compressed bodies are not taken")
        announced = headers.get("content-length", "")[:20]
        if announced.isdecimal() and int(announced) > self._max_bytes:
            raise self._too_large(f"has {mebibytes(int(announced))}")
        body = bytearray()  # it may come byte by byte
        try:
            async with asyncio.timeout(self._timeout_s):
                while True:
                    message = await self._next(receive)
                    if message["type"] == "http.disconnect":
                        return None
                    body += message.get("body", b"")
                    if len(body) > self._max_bytes:
                        raise self._too_large(f"has {mebibytes(len(body))} so far")
                    if not message.get("more_body", False):
                        return bytes(body)
        except TimeoutError as error:
            came = f"the body did not arrive in time: {mebibytes(len(body))} came"
            limit = f"{self._timeout_s:g} s"
            raise TimedOut(over(came, limit, "limits.request_timeout_s")) from error

    def _too_large(self, sent: str) -> BodyTooLarge:
        most = mebibytes(self._max_bytes)
        return BodyTooLarge(over(f"the body {sent}", most, "limits.max_body_bytes"))

    async def _next(self, receive: Receive) -> Message:
        try:
            async with asyncio.timeout(self._stalled_s):
                return await receive()
        except TimeoutError as error:
            limit = f"{self._stalled_s:g} s"
            message = over("nothing of the body came for too long", limit, "limits.read_timeout_s")
            raise BodyStalled(message) from error
