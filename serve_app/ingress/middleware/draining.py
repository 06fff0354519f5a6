"""The door: lets requests in and counts them until it is closed; then those inside finish.

A request is inside until the last byte of its answer, a stream's too, has been handed on.
"""

import asyncio

from starlette.types import ASGIApp, Receive, Scope, Send

from serve_app.errors import StageUnavailable
from serve_app.ingress.middleware.special_paths import OPEN_WHILE_DRAINING
from serve_app.ingress.problems import problem


class Door:
    """Whether new requests are let in, and how many are inside."""

    def __init__(self) -> None:
        self.closed = False
        self.inside = 0
        self._empty = asyncio.Event()
        self._empty.set()

    def enter(self) -> None:
        """Raises StageUnavailable once it is closed."""
        if self.closed:
            raise StageUnavailable("the service is stopping")
        self.inside += 1
        self._empty.clear()

    def leave(self) -> None:
        self.inside -= 1
        if self.inside == 0:
            self._empty.set()

    async def drain(self, within_s: float) -> tuple[int, int]:
        """Close, and wait for those inside: how many left in time, and how many did not."""
        self.closed = True
        found = self.inside
        try:
            async with asyncio.timeout(within_s):
                await self._empty.wait()
        except TimeoutError:
            pass
        return found - self.inside, self.inside


class Draining:
    """ASGI middleware that sends each request through the door."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._app = app
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in OPEN_WHILE_DRAINING:
            return await self._app(scope, receive, send)
        try:
            self._door.enter()
        except StageUnavailable as error:
            return await problem(error)(scope, receive, send)
        try:
            await self._app(scope, receive, send)
        finally:
            self._door.leave()
