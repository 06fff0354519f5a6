"""Logs and counts each answered request, and names its trace; at level DEBUG also logs its
arrival."""

import logging
import time
from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve_app.ingress.middleware.special_paths import POLLED
from serve_app.ingress.problems import noted
from serve_app.metrics.requests import CLIENT_LEFT, publish_request
from serve_app.observability import log_event
from serve_app.tracing import response_header


class LoggedRequests:
    """ASGI middleware around the whole API, whose `routes` name the requests that it counts."""

    def __init__(self, app: ASGIApp, routes: Sequence[BaseRoute]) -> None:
        self._app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        method, path = scope["method"], scope["path"]
        if path not in POLLED:
            size = Headers(scope=scope).get("content-length")
            log_event("request", logging.DEBUG, method=method, path=path, bytes=size)
        answer = _Answer()

        async def send_noted(message: Message) -> None:
            traced = response_header()
            if traced and message["type"] == "http.response.start":
                MutableHeaders(scope=message)["traceresponse"] = traced
            await send(message)
            answer.note(message)

        started = time.perf_counter()
        try:
            await self._app(scope, receive, send_noted)
        except Exception:  # an outer handler turns it into a 500
            answer.fail()
            raise
        finally:
            seconds = time.perf_counter() - started
            status, code = answer.ended(scope)
            publish_request(self._route_of(scope), method, status, seconds)
            if path not in POLLED:
                fields = {"method": method, "path": path, "status": status, "code": code}
                log_event("response", **fields, seconds=seconds)

    def _route_of(self, scope: Scope) -> str:
        """The route's template; middleware may have answered before a route was chosen."""
        route = scope.get("route")
        if route is None:
            found = (each for each in self._routes if each.matches(scope)[0] != Match.NONE)
            route = next(found, None)
        return getattr(route, "path", "unknown")


class _Answer:
    """How far an answer has come."""

    def __init__(self) -> None:
        self._status = 0
        self._complete = False

    def note(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
        elif message["type"] == "http.response.body":
            self._complete = not message.get("more_body", False)

    def fail(self) -> None:
        """Nothing was sent, and something else will be; or a client that left takes no more."""
        if self._status == 0:
            self._status, self._complete = 500, True

    def ended(self, scope: Scope) -> tuple[int, str | None]:
        """The status that it counts under, and the code of its error.

        A stream that fails after its 200 counts under its error's status; an answer that was not
        sent to its end, under that of a client that left.
        """
        if not self._complete:
            return CLIENT_LEFT, "client_left"
        return noted(scope) or (self._status, None)
