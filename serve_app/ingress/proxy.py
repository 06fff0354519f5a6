"""Middleware for Ray's HTTP proxy, so that errors sent by the proxy itself have the contract's
shape.

When an ingress replica dies, the proxy answers with a bare 500; when it rejects a request, with
plain text. Loaded by the proxy through the environment variable
`RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH=serve_app.ingress.proxy.middlewares`.
"""

import re
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve_app.errors import QueueFull, ServiceError, StageUnavailable, TimedOut
from serve_app.ingress.middleware.slow_readers import SlowReaders
from serve_app.ingress.middleware.special_paths import POLLED
from serve_app.ingress.problems import answer, problem

_REQUEST_ID = re.compile(rb"[ -~]{1,200}")
_OWN_PATHS = "/-/"  # Serve's own health and routes pages
_NOT_TRACED = (b"traceparent", b"00-%032x-%016x-00" % (1, 1))  # the last one counts


def middlewares() -> list[Middleware]:
    """The middleware that Serve's proxy installs."""
    return [Middleware(ContractErrors), Middleware(SlowReaders)]  # the last is next to the server


class ContractErrors:
    """Replaces missing responses and non-JSON errors by errors of the contract's shape."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(_OWN_PATHS):
            return await self._app(scope, receive, send)
        scope["headers"] = _readable(scope["headers"])
        if scope["path"] in POLLED:
            scope["headers"].append(_NOT_TRACED)
        started, replaced_status = False, 0

        async def send_checked(message: Message) -> None:
            nonlocal started, replaced_status
            if message["type"] == "http.response.start":
                kind = Headers(raw=message["headers"]).get("content-type", "")
                if message["status"] >= 400 and "json" not in kind:
                    replaced_status = message["status"]
                else:
                    started = True
            if started:
                await send(message)

        await self._app(scope, receive, send_checked)
        if not started:
            response = _instead_of(replaced_status)
            request_id = Headers(scope=scope).get("x-request-id")
            if request_id:
                MutableHeaders(raw=response.raw_headers)["X-Request-ID"] = request_id
            await response(scope, receive, send)


def _readable(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Headers as Serve can decode them: of others it makes a 500.

    Without a request id that is unfit for logs: then Serve makes one.
    """
    return [
        (name, _as_utf8(value))
        for name, value in headers
        if name != b"x-request-id" or _REQUEST_ID.fullmatch(value)
    ]


def _as_utf8(value: bytes) -> bytes:
    try:
        value.decode()
    except UnicodeDecodeError:  # then it is latin-1, as HTTP had it
        return value.decode("latin-1").encode()
    return value


def _instead_of(status: int) -> Response:
    errors: dict[int, ServiceError] = {
        0: StageUnavailable("the ingress lost its replica and is restarting"),
        408: TimedOut("the proxy's time limit passed"),
        429: QueueFull("the proxy's queue is full"),
        503: StageUnavailable("no replica can take the request now"),
    }
    if status in errors:
        return problem(errors[status])
    if status == 404:
        return answer(404, "Not Found", "not_found")
    return problem(StageUnavailable("the proxy could not hand the request on"))
