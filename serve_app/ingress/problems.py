"""The only place that maps errors to an HTTP status and a body: OpenAI's shape, the Open Inference
Protocol's under `/v2`, or both OpenAI's and web UI's under `/sdapi` and `/controlnet`.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from serve_app import errors
from serve_app.errors import ServiceError


class ErrorDetails(BaseModel):
    message: str = Field(description="what is wrong, for people")
    type: str = Field(description="the kind of error, as OpenAI's clients know it")
    param: str | None = Field(description="the field at fault, if one is")
    code: str = Field(description="what is wrong, for programs")


class ErrorBody(BaseModel):
    """Every error's body."""

    error: ErrorDetails


STATUS: dict[type[ServiceError], int] = {
    errors.InvalidRequest: 400,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.BodyStalled: 408,
    errors.BodyTooLarge: 413,
    errors.ImageTooLarge: 413,
    errors.UnsupportedImage: 415,
    errors.UnsupportedEncoding: 415,
    errors.InvalidField: 422,
    errors.QueueFull: 429,
    errors.DeadlineUnmet: 429,
    errors.StageUnavailable: 503,
    errors.NotEnoughMemory: 503,
    errors.TimedOut: 504,
    errors.StageFailed: 500,
    ServiceError: 500,
}
_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
_OTHER_MEANINGS = {404: "There is no such thing, or not any more"}
_LONGEST = 40  # characters of what was sent
_HTTP_CODES = {404: "not_found", 405: "method_not_allowed"}


def problem(error: ServiceError) -> Response:
    """The response for a ServiceError."""
    headers = {}
    if isinstance(error, errors.Retryable):
        headers["Retry-After"] = str(error.retry_after_s)
    if isinstance(error, errors.TimedOut):
        headers["X-Should-Retry"] = "false"  # OpenAI's clients would do all of the work again
    if isinstance(error, errors.UnknownFields):
        headers["Preference-Applied"] = "handling=strict"
    return answer(status_of(error), told(error), error.code, error.param, headers)


def body_of(error: ServiceError) -> dict[str, Any]:
    """The error's body alone, for a stream whose status has already been sent."""
    return _body(status_of(error), told(error), error.code, error.param)


def told(error: ServiceError) -> str:
    """The message, which begins with the field at fault unless it speaks of it already."""
    message, param = str(error), error.param
    if param is None or re.search(rf"(?<!\w){re.escape(param)}(?!\w)", message):
        return message
    return f"{param}: {message}"


def note_error(scope: Scope, error: ServiceError) -> None:
    """As `note`, for a stream, which ends with this error after its status has been sent."""
    note(scope, status_of(error), error.code)


def note(scope: Scope, status: int, code: str) -> None:
    """Remember with what error a request ended, for the log and the metrics."""
    scope["problem"] = (status, code)


def noted(scope: Scope) -> tuple[int, str] | None:
    """The status and the code of that error; None without one."""
    problem: tuple[int, str] | None = scope.get("problem")
    return problem


def surprise() -> ServiceError:
    """What a client is told of a mistake of ours."""
    return ServiceError("internal error; the log has the details")


def answer(
    status: int,
    message: str,
    code: str,
    param: str | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """An error body `{"error": {"message", "type", "param", "code"}}`, or `{"error": message}`."""
    return _Problem(status, message, code, param, headers)


def install(app: FastAPI, routes: Sequence[BaseRoute] = ()) -> None:
    """Answer every error of `app` in the one shape; `routes` are all of its routes."""

    @app.exception_handler(ServiceError)
    async def on_service_error(request: Request, error: ServiceError) -> Response:
        return problem(error)

    @app.exception_handler(RequestValidationError)
    async def on_validation_error(request: Request, error: RequestValidationError) -> Response:
        return problem(invalid_field(error.errors()))

    @app.exception_handler(HTTPException)
    async def on_http_error(request: Request, error: HTTPException) -> Response:
        code = _HTTP_CODES.get(error.status_code, "invalid_request")
        headers = dict(error.headers or {})
        if error.status_code == 405:
            # Routing names the methods of the first of the path's routes alone.
            headers["Allow"] = ", ".join(sorted(_methods_of(request.scope, routes)))
        return answer(error.status_code, str(error.detail), code, headers=headers)

    @app.exception_handler(Exception)
    async def on_unexpected_error(request: Request, error: Exception) -> Response:
        return problem(surprise())


def _methods_of(scope: Scope, routes: Sequence[BaseRoute]) -> set[str]:
    """All that a path takes."""
    found = [route for route in routes if route.matches(scope)[0] != Match.NONE]
    return {method for route in found for method in getattr(route, "methods", ())}


def invalid_field(details: Any) -> ServiceError:
    """The first validation error; a body that is not JSON at all becomes a 400."""
    first = details[0]
    if first["type"] == "json_invalid":
        return errors.InvalidRequest("the body is not valid JSON")
    if first["loc"] == ("body",) and first["type"] != "missing":
        return errors.InvalidField(
            "the body is not a JSON object; is Content-Type application/json?"
        )
    path = [str(part) for part in first["loc"] if part not in ("body", "query", "header")]
    param = ".".join(path) or None
    message = f"{param or 'body'}: {first['msg']}{_sent(first)}"
    return errors.InvalidField(message).about(param)


def _sent(detail: Any) -> str:
    """What was sent, if it is short enough to help."""
    value = detail.get("input")
    if detail["type"] == "missing" or not isinstance(value, bool | int | float | str):
        return ""
    if isinstance(value, int) and value.bit_length() > 4 * _LONGEST:  # Python may refuse to write
        return ""
    text = json.dumps(value)
    return f"; sent: {text}" if len(text) <= _LONGEST else ""


def error_schema(*more: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI `responses` that every route shares, and those of `more` statuses."""
    meanings = {
        400: "Asks for something impossible",
        401: "No valid API key, where the configuration asks for one",
        403: "A web page of a foreign origin asks, or the service has another name",
        408: "Nothing of the body came for too long",
        413: "Body or image over a limit",
        415: "Not a supported image, or a compressed body",
        422: "A field is missing or of the wrong type",
        429: "Queue full, or the deadline cannot be met; see Retry-After",
        500: "A stage failed",
        503: "No replica can take it now; see Retry-After",
        504: "The request's time limit passed",
    }
    meanings |= {status: _OTHER_MEANINGS[status] for status in more}
    return {
        status: {"description": meaning, "model": ErrorBody} for status, meaning in meanings.items()
    }


class _Problem(JSONResponse):
    """Chooses its shape when it is sent, by the path, since middleware and Ray's proxy send errors
    outside of any route."""

    def __init__(
        self,
        status: int,
        message: str,
        code: str,
        param: str | None,
        headers: dict[str, str] | None,
    ) -> None:
        self._content = _body(status, message, code, param)
        super().__init__(self._content, status, headers)
        self._message, self._code = message, code

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        note(scope, self.status_code, self._code)
        path = f"{scope['path']}/"
        if path.startswith("/v2/"):
            self._replace({"error": self._message})
        elif path.startswith(("/sdapi/", "/controlnet/")):
            self._replace(self._content | {"detail": self._message, "errors": self._message})
        await super().__call__(scope, receive, send)

    def _replace(self, content: dict[str, Any]) -> None:
        self.body = self.render(content)
        self.headers["content-length"] = str(len(self.body))


def status_of(error: ServiceError) -> int:
    """The HTTP status of an error."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def _body(status: int, message: str, code: str, param: str | None) -> dict[str, Any]:
    kind = _TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}
