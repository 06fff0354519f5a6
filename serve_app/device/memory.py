"""The memory of a replica's device: shared by all that runs there, and which error to return when
it runs out.

Where several items run out of it together, fewer are tried (`limits.py`). One item that runs out
of it is tried once more with nothing of this replica beside it, and then refused.
"""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from serve_app.device.failures import out_of_memory, without_frames
from serve_app.errors import InvalidRequest, NotEnoughMemory, ServiceError

T = TypeVar("T")

# CUDA's own context takes some of what a replica may have.
_MOST = 0.9


class DeviceMemory:
    """A shared/exclusive lock: work runs shared, a retry after out of memory runs exclusively.
    Thread-safe."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._running = 0
        self._taken = False

    def attempt(self, run: Callable[[], T], *, last: bool) -> T:
        """`run()` beside whatever else runs. If it runs out of memory and `last` is set, retries
        with nothing else running. Raises what `run` raises, with the cached memory freed."""
        for placed in (self._beside, self._alone) if last else (self._beside,):
            try:
                with placed():
                    return run()
            except Exception as error:
                if not out_of_memory(error):
                    raise
                failure = without_frames(error)
            free_cached()
        raise failure

    @contextmanager
    def _beside(self) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: not self._taken)
            self._running += 1
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: not self._taken)
            self._taken = True
            self._changed.wait_for(lambda: self._running == 0)
        try:
            yield
        finally:
            with self._changed:
                self._taken = False
                self._changed.notify_all()


def too_large(what: str, param: str) -> InvalidRequest:
    """What to answer where `what` can never fit; `param` is the field that asks for it."""
    return InvalidRequest(f"{what} does not fit this device's memory").about(param)


def refusal(never_fits: InvalidRequest | None) -> ServiceError:
    """What to answer for an item that did not fit alone: NotEnoughMemory where other processes
    hold what this one may have, or where no item is too large; otherwise `never_fits`."""
    if never_fits is None or held_by_others():
        return NotEnoughMemory("other work holds the device's memory at the moment")
    return never_fits


def held_by_others() -> bool:
    """Whether other processes hold GPU memory that this one may take.

    On a CPU an allocation is refused only where it is larger than the machine.
    """
    cuda = _cuda()
    if cuda is None:
        return False
    free, total = cuda.mem_get_info()
    allowed = total * cuda.get_per_process_memory_fraction()
    return bool(free + cuda.memory_reserved() < _MOST * allowed)


def device_usage() -> dict[str, int]:
    """Bytes of GPU memory: `allocated` by tensors, `reserved` by torch for them, and the `limit` of
    this process; empty where it uses no GPU."""
    cuda = _cuda()
    if cuda is None:
        return {}
    _, total = cuda.mem_get_info()
    return {
        "allocated": cuda.memory_allocated(),
        "reserved": cuda.memory_reserved(),
        "limit": int(total * cuda.get_per_process_memory_fraction()),
    }


def free_cached() -> None:
    """Give what torch keeps of freed GPU memory back: in pieces it serves smaller work badly."""
    cuda = _cuda()
    if cuda is not None:
        cuda.empty_cache()


def _cuda() -> Any:
    """torch.cuda, where this process uses it."""
    torch = sys.modules.get("torch")
    return torch.cuda if torch is not None and torch.cuda.is_initialized() else None
