"""Parses responses into results and errors. The caller has already read the response's body."""

import base64
import re
from collections.abc import Callable
from typing import Any, TypeVar

import httpx

from serve_app.client.errors import Refused, Unreachable
from serve_app.client.results import (
    Caption,
    Classification,
    Generation,
    Health,
    Image,
    Job,
    Processed,
    StageHealth,
)

Result = TypeVar("Result")
_STAGE = re.compile(r"([\w-]+);dur=([\d.]+)")


def parsed(read: Callable[[Any], Result], answer: Any) -> Result:
    """Return `read(answer)`. Raises Unreachable if `answer` is not a response of this service."""
    try:
        return read(answer)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise Unreachable(
            "the response is not from this service, or from another version of it"
        ) from error


def refusal(response: httpx.Response) -> Refused:
    """The error carried by an unsuccessful response."""
    status = response.status_code
    try:
        return refused(response.json()["error"], status, request_id(response))
    except (ValueError, LookupError, TypeError, AttributeError):
        # The body is not this service's: from a proxy in between, or another server.
        reason = response.reason_phrase or "no reason given"
        return Refused(reason, status, f"http_{status}", None, request_id(response))


def refused(error: dict[str, Any], status: int, request_id: str | None) -> Refused:
    """An error body's content as an exception."""
    message = " ".join(str(error["message"]).split())
    return Refused(message, status, str(error.get("code")), error.get("param"), request_id)


def request_id(response: httpx.Response) -> str | None:
    found: str | None = response.headers.get("x-request-id")
    return found


def generation(response: httpx.Response) -> Generation:
    return _generation(response.json(), request_id(response))


def started(response: httpx.Response) -> Job:
    """The job that a request has become. Raises Refused where the service made the images at
    once."""
    if response.status_code != 202:
        message = "this service keeps no jobs"
        raise Refused(message, response.status_code, "no_jobs", None, request_id(response))
    return job(response)


def job(response: httpx.Response) -> Job:
    return _job(response.json(), request_id(response))


def jobs(response: httpx.Response) -> tuple[Job, ...]:
    return tuple(_job(each, None) for each in response.json()["data"])


def _job(body: dict[str, Any], request_id: str | None) -> Job:
    result, error = body["result"], body["error"]
    return Job(
        id=body["id"],
        status=body["status"],
        step=body["step"],
        num_inference_steps=body["num_inference_steps"],
        eta_s=body["eta_s"],
        queue_position=body["queue_position"],
        created=body["created"],
        # Another client's job may have a result of another shape.
        generation=_generation(result, request_id) if result and "data" in result else None,
        error=refused(error, 200, request_id) if error else None,
    )


def _generation(body: dict[str, Any], request_id: str | None) -> Generation:
    images = (
        Image(base64.b64decode(item["b64_json"]), item["seed"], item["caption"])
        for item in body["data"]
    )
    return Generation(
        images=tuple(images),
        size=size(body["size"]),
        output_format=body["output_format"],
        timings=body["timings"],
        request_id=request_id,
    )


def size(text: str) -> tuple[int, int]:
    """(width, height) of "WxH"."""
    width, height = text.split("x")
    return int(width), int(height)


def processed(response: httpx.Response) -> Processed:
    kind, output_format = response.headers["content-type"].split("/")
    if kind != "image":
        raise ValueError(f"{kind} instead of an image")
    timing = response.headers.get("server-timing", "")
    timings = {name: float(ms) / 1000 for name, ms in _STAGE.findall(timing)}
    return Processed(response.content, output_format, timings)


def caption(response: httpx.Response) -> Caption:
    body = response.json()
    return Caption(body["caption"], body["timings"])


def classification(response: httpx.Response) -> Classification:
    body = response.json()
    return Classification(body["label"], dict(body["probabilities"]))


def models(response: httpx.Response) -> tuple[str, ...]:
    return tuple(model["id"] for model in response.json()["data"])


def health(response: httpx.Response) -> Health:
    body = response.json()
    stages = {
        name: StageHealth(stage["status"], stage["replicas"])
        for name, stage in body["stages"].items()
    }
    return Health(body["status"], stages)
