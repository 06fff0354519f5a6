"""What the ingress publishes: requests, and what became of the work that they asked for."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from serve_app.admission import Admission
from serve_app.errors import Retryable, ServiceError, TimedOut
from serve_app.metrics.instruments import SECONDS, Counter, Gauge, Histogram

CLIENT_LEFT = 499
"""The status under which a request counts whose client left before the end of the answer."""

REQUESTS = Counter("image_requests", "Answered requests.", ("route", "method", "status"))
REQUEST_SECONDS = Histogram(
    "image_request_seconds",
    "From a request's arrival at the ingress to the last byte of its answer.",
    ("route", "status_class"),
    bounds=SECONDS,
)
REFUSED = Counter(
    "image_refused", "Requests told to come again, by their error's code.", ("kind", "reason")
)
ERRORS = Counter("image_errors", "Calls to a stage that ended in an error.", ("stage", "code"))
IMAGES = Counter("image_images", "Finished images.", ("kind",))
DEADLINES = Counter("image_deadlines", "Requests that had a deadline.", ("outcome",))
RERUNS = Counter("image_reruns", "Calls run again, as their replica died.", ("stage",))
PENDING = Gauge("image_pending", "Images in progress of this ingress replica.", ("kind",))
CAPACITY = Gauge("image_capacity", "Images that it may have in progress.", ("kind",))

_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


def publish_request(route: str, method: str, status: int, seconds: float) -> None:
    """Count an answered request; `route` is the template, never a path."""
    known = method if method in _METHODS else "other"
    REQUESTS.add(route=route, method=known, status=str(status))
    REQUEST_SECONDS.observe(seconds, route=route, status_class=f"{status // 100}xx")


@contextmanager
def work_counted(kind: str, images: int, finish_by: float | None) -> Iterator[None]:
    """Count what becomes of a request's work: its images where all are finished, or why it is
    refused; and whether its deadline, in Unix seconds, is met.

    A deadline is missed where the time ran out. A client that leaves, and other errors, count as
    none of these.
    """
    outcome = None
    try:
        yield
        IMAGES.add(images, kind=kind)
        outcome = "missed" if finish_by is not None and time.time() > finish_by else "met"
    except Retryable as error:
        REFUSED.add(kind=kind, reason=error.code)
        outcome = "refused"
        raise
    except TimedOut:
        outcome = "missed"
        raise
    finally:
        if finish_by is not None and outcome is not None:
            DEADLINES.add(outcome=outcome)


@contextmanager
def errors_counted(stage: str) -> Iterator[None]:
    """Count a call to a stage that ends in an error, by the error's code."""
    try:
        yield
    except ServiceError as error:
        ERRORS.add(stage=stage, code=error.code)
        raise


def publish_pending(work: Mapping[str, Admission]) -> None:
    """Set the images in progress here and how many there may be, by kind of work."""
    for kind, admission in work.items():
        PENDING.set(admission.pending, kind=kind)
        CAPACITY.set(admission.capacity, kind=kind)
