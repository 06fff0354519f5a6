"""Logs and counts each answered request, and names its trace; at level DEBUG also logs its
arrival."""

import logging
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve_app.ingress.middleware.special_paths import POLLED
from serve_app.observability import log_event, publish_request
from serve_app.tracing import response_header


class LoggedRequests:
    """ASGI middleware around the whole API."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        method, path = scope["method"], scope["path"]
        if path not in POLLED:
            size = Headers(scope=scope).get("content-length")
            log_event("request", logging.DEBUG, method=method, path=path, bytes=size)
        status = 0

        async def send_noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if traced := response_header():
                    MutableHeaders(scope=message)["traceresponse"] = traced
            await send(message)

        started = time.perf_counter()
        try:
            await self._app(scope, receive, send_noted)
        except Exception:  # an outer handler turns it into a 500
            status = 500
            raise
        finally:
            seconds = time.perf_counter() - started
            publish_request(getattr(scope.get("route"), "path", "unknown"), status)
            if path not in POLLED:
                answer = status or "none: the client left"
                log_event("response", method=method, path=path, status=answer, seconds=seconds)
