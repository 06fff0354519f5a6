"""What middleware does for HTTP, done for each call over gRPC and each request of a stream.

Hosts and origins are not looked at: no web page can speak gRPC without help.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from grpc import StatusCode
from ray.serve.grpc_util import RayServegRPCContext

from serve_app.config import AppArgs
from serve_app.errors import BodyTooLarge, Retryable, ServiceError, mebibytes, over
from serve_app.ingress.middleware.draining import Door
from serve_app.ingress.middleware.keys import is_known, no_key, read_hashes
from serve_app.ingress.open_inference.rpc_proxy import SERVICE
from serve_app.ingress.problems import status_of, surprise, told
from serve_app.metrics.requests import CLIENT_LEFT, publish_request
from serve_app.observability import log_event

_PROBES = {"ServerLive", "ServerReady"}  # as over HTTP: without a key, not logged
_OPEN_WHILE_DRAINING = {"ServerLive"}
_CODES = {
    401: StatusCode.UNAUTHENTICATED,
    403: StatusCode.PERMISSION_DENIED,
    404: StatusCode.NOT_FOUND,
    429: StatusCode.RESOURCE_EXHAUSTED,
    500: StatusCode.INTERNAL,
    503: StatusCode.UNAVAILABLE,
    504: StatusCode.DEADLINE_EXCEEDED,
}
"""By HTTP status; the others are of requests that are wrong: INVALID_ARGUMENT."""


class Entrance:
    """Lets requests in."""

    def __init__(self, args: AppArgs, door: Door) -> None:
        self._door = door
        self._max_bytes = args.limits.max_body_bytes
        self._hashes = read_hashes(args.auth) if args.auth is not None else None

    @contextmanager
    def admitted(self, method: str, request: Any, context: RayServegRPCContext) -> Iterator[None]:
        """Let a request in that has a key and a size within the limit. Raises ServiceError."""
        if self._hashes is not None and method not in _PROBES:
            metadata = dict(context.invocation_metadata())
            if not is_known(metadata.get("authorization", ""), self._hashes):
                raise no_key()
        sent = request.ByteSize()
        if sent > self._max_bytes:
            most = mebibytes(self._max_bytes)
            message = over(f"the message has {mebibytes(sent)}", most, "limits.max_body_bytes")
            raise BodyTooLarge(message)
        if method in _OPEN_WHILE_DRAINING:
            yield
            return
        self._door.enter()
        try:
            yield
        finally:
            self._door.leave()


@contextmanager
def refusing(method: str, refuse: Callable[[ServiceError], None]) -> Iterator[None]:
    """Logs and counts a request; what it raises goes to `refuse`."""
    began = time.perf_counter()
    status = CLIENT_LEFT
    code: str | None = "client_left"
    try:
        try:
            yield
            status, code = 200, None
        except ServiceError:
            raise
        except Exception as error:
            log_event("call failed", logging.ERROR, method=method)
            raise surprise() from error
    except ServiceError as error:
        status, code = status_of(error), error.code
        refuse(error)
    finally:
        seconds = time.perf_counter() - began
        path = f"/{SERVICE}/{method}"  # what gRPC posts to
        publish_request(path, "POST", status, seconds)
        if method not in _PROBES:
            fields = {"method": "POST", "path": path, "status": status, "code": code}
            log_event("response", **fields, seconds=seconds)


def end_with(context: RayServegRPCContext, error: ServiceError) -> None:
    """End a call with an error's code."""
    if isinstance(error, Retryable):
        context.set_trailing_metadata([("retry-after", str(error.retry_after_s))])
    end(context, _CODES.get(status_of(error), StatusCode.INVALID_ARGUMENT), told(error))


def end(context: RayServegRPCContext, code: StatusCode, details: str) -> None:
    """End a call. Not raised: Serve would log a traceback for every client's mistake."""
    context.set_code(code)
    context.set_details(details)
