"""What can go wrong, from the client's point of view.

    bytes ──> image ──> request ──> place in the queue ──> replica ──> answer
      │         │          │                │                 │           │
      │         │          InvalidRequest   QueueFull,        │           TimedOut
      │         ImageTooLarge, InvalidImage DeadlineUnmet     StageUnavailable, StageFailed,
      │                                                       NotEnoughMemory
      BodyTooLarge, UnsupportedImage

Every error takes one constructor argument, because Ray rebuilds an exception that crossed replicas
from its `args` and loses the type of one that takes more. Only `problems.py` knows statuses.
"""

from math import ceil
from typing import Self


def over(sent: str, most: object, setting: str) -> str:
    """What a client is told whose request is over a limit: what it sent, the limit, and whose
    `setting` it is."""
    return f"{sent}; at most {most} ({operators(setting)})"


def operators(setting: str) -> str:
    """Who can change a setting."""
    return f"{setting}, set by the service's operator"


def mebibytes(count: int) -> str:
    """A number of bytes for people, rounded up to a tenth."""
    for size, unit in ((2**20, "MiB"), (2**10, "KiB")):
        if count >= size:
            return f"{ceil(count * 10 / size) / 10:,.10g} {unit}"
    return f"{count} bytes"


class ServiceError(Exception):
    """Root of the tree. `code` is what a client may switch on; `param` names the field at fault."""

    code = "internal_error"
    param: str | None = None

    def about(self, param: str | None) -> Self:
        """Name the request field that is at fault, and return the error."""
        self.param = param
        return self


class InvalidRequest(ServiceError):
    """Well-formed, but asks for something that this service cannot do."""

    code = "invalid_request"


class UnknownModel(InvalidRequest):
    """The request names a model that is not served here."""

    code = "model_not_found"


class NotFound(ServiceError):
    """There is nothing of this name here, or not any more, or not for this client."""

    code = "not_found"


class InvalidImage(InvalidRequest):
    """A supported format whose pixels cannot be decoded: truncated or corrupt."""

    code = "invalid_image"


class Unauthorized(ServiceError):
    """The service asks for API keys, and the request has none that is known."""

    code = "invalid_api_key"


class Forbidden(ServiceError):
    """A web page of a foreign origin asks, or the service is asked for under an unknown name."""

    code = "forbidden"


class JobCancelled(InvalidRequest):
    """The job whose events are read was cancelled."""

    code = "cancelled"


class InvalidField(ServiceError):
    """A field is missing or of the wrong type."""

    code = "invalid_field"


class UnknownFields(InvalidField):
    """The request has fields that nothing looks at, and the client prefers to be told so."""

    code = "unknown_field"


class BodyTooLarge(ServiceError):
    """The request's body is over the byte limit."""

    code = "body_too_large"


class BodyStalled(ServiceError):
    """The client stopped sending the request's body."""

    code = "body_stalled"


class ImageTooLarge(ServiceError):
    """The image's header announces more pixels than the limit."""

    code = "image_too_large"


class UnsupportedImage(ServiceError):
    """The bytes are no image of a supported format."""

    code = "unsupported_image"


class UnsupportedEncoding(ServiceError):
    """The body is compressed."""

    code = "unsupported_encoding"


class Retryable(ServiceError):
    """Nothing is wrong with the request: the same one may succeed after `retry_after_s` seconds."""

    retry_after_s: int = 5

    def after(self, seconds: int) -> Self:
        """Set the whole seconds after which a retry makes sense, and return the error."""
        self.retry_after_s = seconds
        return self


class QueueFull(Retryable):
    """As much work is in progress as the limits allow."""

    code = "queue_full"


class DeadlineUnmet(Retryable):
    """The work ahead leaves no way to finish within the request's `deadline_ms`."""

    code = "deadline_unmet"


class NeverInTime(DeadlineUnmet):
    """As DeadlineUnmet, of work that would be late on an idle service too."""


class StageUnavailable(Retryable):
    """No replica of a stage can take the request now: starting, restarting or lost."""

    code = "stage_unavailable"


class NotEnoughMemory(Retryable):
    """The memory that the request needs is held by other work at the moment."""

    code = "out_of_memory"


class TimedOut(ServiceError):
    """The request's own time limit passed."""

    code = "timed_out"


class StageFailed(ServiceError):
    """A stage raised something that is not the client's fault. Details are in the log only."""

    code = "stage_failed"
