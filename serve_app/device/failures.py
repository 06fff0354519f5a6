"""What an error says about the device, and whether a replica can still be of use.

Errors are told apart by the names of their classes and by their words, so that a process without
torch need not import it. ONNX Runtime and OpenVINO have no classes of their own for these.
"""

from collections.abc import Iterable
from typing import TypeVar

from serve_app.errors import ServiceError, StageFailed

HOPELESS_AFTER = 3

_OUT_OF_MEMORY = (
    "can't allocate memory",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "Failed to allocate memory",
    "std::bad_alloc",
)
# A call was refused; the device works on.
_REFUSED = ("invalid argument", "invalid configuration argument")

E = TypeVar("E", bound=BaseException)


def out_of_memory(error: BaseException) -> bool:
    """Whether there was too little memory, of the device or of the host."""
    return (
        isinstance(error, MemoryError)
        or "OutOfMemoryError" in _kinds(error)
        or _says(error, _OUT_OF_MEMORY)
    )


def device_lost(error: BaseException) -> bool:
    """Whether every later call to the device will fail too, as after most of CUDA's errors."""
    if out_of_memory(error) or _says(error, _REFUSED):
        return False
    return "AcceleratorError" in _kinds(error) or _says(error, ("CUDA error",))


def is_ours(error: BaseException) -> bool:
    """Whether it is a mistake to be logged, and not the answer to what a client asked for."""
    return isinstance(error, StageFailed) or not isinstance(error, ServiceError)


def without_frames(error: E) -> E:
    """The error, and those that led to it, less the frames, which keep their tensors alive."""
    each: BaseException | None = error
    while each is not None:
        each.__traceback__ = None
        each = each.__cause__ or each.__context__
    return error


class Health:
    """Whether batches still succeed: one failure is a request's fault, several in a row are
    ours."""

    def __init__(self) -> None:
        self._failed = 0  # batches in a row
        self._last: BaseException | None = None
        self._lost: BaseException | None = None

    def saw(self, results: Iterable[object]) -> None:
        """Note what became of a batch: for each item a result, or the error that it failed with.

        A ServiceError says nothing about the device.
        """
        seen = [result for result in results if not isinstance(result, ServiceError)]
        errors = [result for result in seen if isinstance(result, BaseException)]
        self._lost = self._lost or next(filter(device_lost, errors), None)
        if len(errors) < len(seen):
            self._failed = 0
        elif errors:
            self._failed, self._last = self._failed + 1, errors[-1]

    def check(self) -> None:
        """Raise RuntimeError where the device is lost, or `HOPELESS_AFTER` batches in a row failed
        for every item with an error that is no ServiceError."""
        if self._lost is not None:
            raise RuntimeError(f"the device is lost: {_summary(self._lost)}")
        if self._failed >= HOPELESS_AFTER:
            last = "" if self._last is None else _summary(self._last)
            raise RuntimeError(f"{self._failed} batches in a row failed, the last with {last}")


def _kinds(error: BaseException) -> set[str]:
    return {kind.__name__ for kind in type(error).__mro__}


def _says(error: BaseException, phrases: Iterable[str]) -> bool:
    words = str(error)
    return any(phrase in words for phrase in phrases)


def _summary(error: BaseException) -> str:
    first_line = str(error).partition("\n")[0]
    return f"{type(error).__name__}: {first_line}"
