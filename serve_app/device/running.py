"""Batches on a device: an item that fails, fails alone, and items that run out of memory together
run in smaller batches. Knows nothing of who waits for them, nor of what is told of them.
"""

import time
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Generic, TypeVar

from serve_app.device.failures import Health, device_lost, out_of_memory, without_frames
from serve_app.device.limits import BatchLimits
from serve_app.device.memory import DeviceMemory, refusal
from serve_app.errors import InvalidRequest

Item = TypeVar("Item")
Result = TypeVar("Result")


class Watch:
    """Is told of each batch as it ran. This one keeps it to itself."""

    def ran(self, size: int, seconds: float) -> None:
        """A batch ended, whether it failed or not."""

    def failed(self, size: int, error: Exception) -> None:
        """It failed with an error that is not a lack of memory."""

    def overflowed(self, size: int, limit: int, key: Hashable) -> None:
        """It did not fit the memory; `limit` is the largest batch of this key from now on."""


class BatchRunner(Generic[Item, Result]):
    """Runs `run(items) -> results`, synchronously; `run` gets items of one key, and may raise."""

    def __init__(
        self,
        run: Callable[[Sequence[Item]], Sequence[Result]],
        max_batch_size: int,
        memory: DeviceMemory,
        too_large: Callable[[Item], InvalidRequest | None] = lambda item: None,
        watch: Watch | None = None,
    ) -> None:
        """`memory` is shared with whatever else runs on the device. `too_large` says what to answer
        for an item that it does not fit even alone; without it, no item is to blame for that."""
        self._run = run
        self._memory = memory
        self._too_large = too_large
        self._watch = watch or Watch()
        self._health = Health()
        self.limits = BatchLimits(max_batch_size)

    def check(self) -> None:
        """Raise RuntimeError where the device is of no more use, as `Health.check`."""
        self._health.check()

    def outcomes(self, key: Hashable, items: Sequence[Item]) -> list[Any]:
        """A result or an exception for each item, in batches that fit memory."""
        found: list[Any] = []
        while len(found) < len(items):
            end = len(found) + self.limits.of(key)
            found += self._of_batch(key, items[len(found) : end])
        self._health.saw(found)
        return found

    def _of_batch(self, key: Hashable, items: Sequence[Item]) -> list[Any]:
        """A result or an exception for each item, as those that raise are run one by one; nothing
        where several run out of memory: the limit is lower now."""
        size, began = len(items), time.perf_counter()
        try:
            results = self._memory.attempt(lambda: self._run(items), last=size == 1)
        except Exception as error:
            failure = self._failure(items, error)
        else:
            self.limits.fitted(key, size)
            return list(results)
        finally:
            self._watch.ran(size, time.perf_counter() - began)
        if size == 1 or device_lost(failure):
            return [failure] * size
        if out_of_memory(failure):
            self._watch.overflowed(size, self.limits.overflowed(key, size), key)
            return []
        return [outcome for item in items for outcome in self._of_batch(key, [item])]

    def _failure(self, items: Sequence[Item], error: Exception) -> Exception:
        """The error for these items, without frames: they would keep the batch's tensors alive."""
        if out_of_memory(error):
            return refusal(self._too_large(items[0])) if len(items) == 1 else without_frames(error)
        self._watch.failed(len(items), error)
        return without_frames(error)
